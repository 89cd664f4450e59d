"""What an agent acts in."""

from collections.abc import Mapping
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import numpy as np


@runtime_checkable
class Environment(Protocol):
    """What an agent acts in: two methods of `gymnasium.Env`, five attributes.

    An environment of gymnasium meets it through `GymnasiumEnvironment`, or by
    having these attributes itself.

    An episode is a function of the seed of its `reset`, its goal and its
    actions, and of nothing that was before: so it can be told, and replayed, by
    these (see `EpisodeRecorder`).

    Attributes:
        name: of the task, in tables and error messages.
        observation_size: numbers in an observation.
        action_size: numbers in an action, each from -1 to 1.
        horizon: steps after which an episode is cut off, at the latest.
        goals: `[goals, goal size]`, what the episodes of a task can be about: a
            position, a velocity. Where all are alike, `[1, 0]`. In
            meta-learning each goal is a task of its own.
    """

    name: str
    observation_size: int
    action_size: int
    horizon: int
    goals: np.ndarray

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: fixes all that is random in the episode. Without one it goes
                on with the random numbers of the last.
            options: `{"goal": i}` for the goal `goals[i]`, which the seed
                chooses otherwise.

        Returns:
            The observation, `[observation_size]`, and further information.
        """

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes an action.

        Args:
            action: `[action_size]`. What is beyond -1 or 1 is clipped.

        Returns:
            The observation, `[observation_size]`; the reward; whether the
            episode is terminated, so that nothing comes after this state;
            whether it is cut off here, though more would come; and further
            information, with `"success"`, 0 or 1 at this step, where a task can
            succeed. By the field's convention an episode succeeds if any of its
            steps does.
        """

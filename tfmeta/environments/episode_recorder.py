"""Episodes that can be taken up where they were."""

import math
from typing import Any, NamedTuple

import numpy as np

from tfmeta import errors
from tfmeta.environments import arguments
from tfmeta.environments import environment as environments


class EpisodeSnapshot(NamedTuple):
    """An episode in progress: all that a checkpoint needs of an environment.

    Attributes:
        seed: of its `reset`.
        goal: the number of its goal; -1: the seed chose.
        actions: since then, `[steps, action_size]`, float32.
        observation: what was seen last, `[observation_size]`, to notice an
            environment that does not replay.
    """

    seed: int
    goal: int
    actions: np.ndarray
    observation: np.ndarray


class EpisodeRecorder:
    """An environment whose episodes are remembered by seed, goal and actions.

    These say all of an episode: to go on with it, in another process too, is to
    replay them. So nothing of a simulator's insides is saved, and any
    environment will do that keeps to the contract of `Environment`. Replaying
    takes less than a second for what a simulator does in an episode.

    What comes from the environment is checked: observations and rewards that
    are not finite would spoil a replay buffer in silence.

    Attributes:
        environment: the environment.

    Args:
        environment: any `Environment`.
    """

    def __init__(self, environment: environments.Environment):
        self.environment = environment
        self._seed = self._goal = -1
        self._actions: list[np.ndarray] = []
        self._observation = np.zeros(0)
        self._in_progress = False

    def reset(
        self, *, seed: int, goal: int | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode, see `Environment.reset`.

        Args:
            seed: of the episode, 0 or more.
            goal: the number of its goal. Default: the seed chooses.

        Raises:
            InputError: if the seed is negative, there is no such goal, or the
                observation is not finite.
        """
        arguments.check_seed(seed)
        self._seed = seed
        self._goal = -1 if goal is None else goal
        self._actions = []
        options = None if goal is None else {"goal": goal}
        observation, info = self.environment.reset(seed=seed, options=options)
        self._check(observation, 0.0)
        self._observation = observation
        self._in_progress = True
        return observation, info

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Takes an action, see `Environment.step`.

        Args:
            action: `[action_size]`, which becomes float32.

        Raises:
            InputError: if the observation or the reward is not finite.
        """
        if not self._in_progress:
            raise RuntimeError("no episode is in progress: call reset")
        action = np.array(action, np.float32)  # A copy: it is kept.
        self._actions.append(action)
        observation, reward, terminated, truncated, info = (
            self.environment.step(action)
        )
        reward = float(reward)
        self._check(observation, reward)
        self._observation = observation
        self._in_progress = not (terminated or truncated)
        return observation, reward, terminated, truncated, info

    def snapshot(self) -> EpisodeSnapshot | None:
        """Returns the episode in progress, None if there is none."""
        if not self._in_progress:
            return None
        size = self.environment.action_size
        actions = np.array(self._actions, np.float32).reshape(-1, size)
        return EpisodeSnapshot(
            self._seed, self._goal, actions, np.array(self._observation)
        )

    def restore(self, snapshot: EpisodeSnapshot | None) -> np.ndarray | None:
        """Takes up an episode where it was.

        Args:
            snapshot: of `snapshot`; its numbers may have come as arrays or
                lists.

        Returns:
            The last observation, `[observation_size]`; None if no episode was
            in progress.

        Raises:
            InputError: if another observation comes of it: the environment or
                its settings are others, or it does not replay.
        """
        self._in_progress = False
        if snapshot is None:
            return None
        actions = np.asarray(snapshot.actions, np.float32)
        if actions.size and actions.shape[1:] != (
            self.environment.action_size,
        ):
            raise errors.InputError(
                f"snapshot: expected actions [steps, "
                f"{self.environment.action_size}] of {self.environment.name}, "
                f"got {list(actions.shape)}"
            )
        goal = int(snapshot.goal)
        observation, _ = self.reset(
            seed=int(snapshot.seed), goal=None if goal < 0 else goal
        )
        for action in actions:
            if self._in_progress:
                observation, *_ = self.step(action)
        if not self._in_progress or not np.array_equal(
            observation, snapshot.observation
        ):
            self._in_progress = False
            raise errors.InputError(
                f"snapshot: an episode of {self.environment.name} came out "
                "otherwise when replayed: it is another environment, or one "
                "that does not follow from its seed and actions"
            )
        return observation

    def _check(self, observation: np.ndarray, reward: float) -> None:
        # The sum is finite if all are: a third of the time of `isfinite`.
        if math.isfinite(observation.sum() + reward):
            return
        for what, value in (("observation", observation), ("reward", reward)):
            if not np.isfinite(value).all():
                self._in_progress = False
                raise errors.InputError(
                    f"environment: {self.environment.name} gave {what} with "
                    f"NaN or infinity at step {len(self._actions)}"
                )

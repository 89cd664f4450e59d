"""What a run of an agent has that learns from a replay."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.rl import collecting, replay


class OffPolicyRun:
    """Steps in environments, one for each task, and remembers them.

    Attributes:
        collector: steps in the environments.
        replay: the transitions.
        generator: draws actions and batches.
        scores: the episodes so far, in the order of their ends.
        steps: how many were made in each environment.

    Args:
        environments: one for each task.
        steps: how many will be made in each environment.
        batch_size: transitions of each task in an update.
        warm_up: steps before the first update.
        capacity: transitions of each task that are remembered.
        seed: fixes episodes, actions and what is drawn of the replay.

    Raises:
        InputError: if an argument is out of range, or the environments differ
            in size.
    """

    def __init__(
        self,
        environments: Sequence[environment.Environment],
        *,
        steps: int,
        batch_size: int,
        warm_up: int,
        capacity: int,
        seed: int,
    ):
        arguments.check_positive_integers(
            steps=steps,
            batch_size=batch_size,
            warm_up=warm_up,
            capacity=capacity,
        )
        for name, number in (("warm_up", warm_up), ("capacity", capacity)):
            if number < batch_size:
                raise errors.InputError(
                    f"{name}={number}: expected batch_size={batch_size} or "
                    "more, for a batch is drawn from it"
                )
        self.collector = collecting.Collector(environments, seed)
        self.replay = replay.Replay(
            len(environments),
            min(capacity, steps),
            environments[0].observation_size,
            environments[0].action_size,
        )
        self.generator = np.random.default_rng([seed, len(environments)])
        self.scores: list[collecting.EpisodeScore] = []
        self.steps = 0
        self._batch_size = batch_size

    def step(
        self, actions: np.ndarray
    ) -> tuple[replay.Transitions, list[collecting.EpisodeScore]]:
        """Takes an action in each environment.

        Args:
            actions: `[tasks, action_size]`, in [-1, 1].

        Returns:
            What came of it, `[tasks, ...]`, and the episodes that ended.

        Raises:
            InputError: if an environment gives what is not finite.
        """
        transitions, finished = self.collector.step(actions)
        self.replay.add(transitions)
        self.scores += finished
        self.steps += 1
        return transitions, finished

    def sample(self, updates: int) -> replay.Transitions:
        """Draws batches `[updates, tasks, batch_size, ...]` from the replay."""
        batches = [
            self.replay.sample(self._batch_size, self.generator)
            for _ in range(updates)
        ]
        return replay.Transitions(*map(np.stack, zip(*batches, strict=True)))

    def state(self) -> dict[str, Any]:
        """Returns, as JSON holds it, what collector and replay do not save."""
        return {
            "steps": self.steps,
            "scores": self.scores,
            "generator": self.generator.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` returned."""
        self.steps = state["steps"]
        self.scores = [
            collecting.EpisodeScore(*score) for score in state["scores"]
        ]
        self.generator.bit_generator.state = state["generator"]

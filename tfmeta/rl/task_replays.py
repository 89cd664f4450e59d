"""What is remembered of each of many tasks, not all of which act at once."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from tfmeta.rl import replay


class TaskReplays:
    """A replay for each task, and batches of some of the tasks.

    A `run_checkpoints.Part`. The tasks of one `Replay` step together; these do
    not.

    Args:
        tasks: number of tasks.
        capacity: transitions of each task, see `Replay`.
        observation_size: numbers in an observation.
        action_size: numbers in an action.

    Raises:
        InputError: if a size is not positive.
    """

    def __init__(
        self,
        tasks: int,
        capacity: int,
        observation_size: int,
        action_size: int,
    ):
        self._replays = [
            replay.Replay(1, capacity, observation_size, action_size)
            for _ in range(tasks)
        ]

    @property
    def filled(self) -> np.ndarray:
        """The numbers of the tasks of which something is remembered."""
        return np.flatnonzero([len(each) for each in self._replays])

    def add(self, tasks: Sequence[int], taken: replay.Transitions) -> None:
        """Adds transitions, oldest first.

        Args:
            tasks: the tasks that took the steps.
            taken: what they did, `[tasks, steps, ...]`.
        """
        for place, task in enumerate(tasks):
            for step in range(taken.reward.shape[1]):
                self._replays[task].add(
                    replay.Transitions(
                        *(part[place, step][np.newaxis] for part in taken)
                    )
                )

    def sample(
        self,
        tasks: Sequence[int],
        batch_size: int,
        generator: np.random.Generator,
    ) -> replay.Transitions:
        """Draws transitions, with replacement.

        Args:
            tasks: of which tasks; of each something is remembered.
            batch_size: of each; at most as many as are remembered differ.
            generator: what draws.

        Returns:
            Transitions `[tasks, batch_size, size]`, and `[tasks, batch_size]`.
        """
        drawn = []
        for task in tasks:
            of_task = self._replays[task]
            # A young task may have fewer than a batch.
            parts, missing = [], batch_size
            while missing:
                count = min(missing, len(of_task))
                parts.append(of_task.sample(count, generator))
                missing -= count
            drawn.append(
                replay.Transitions(
                    *(np.concatenate(p, 1) for p in zip(*parts, strict=True))
                )
            )
        return replay.Transitions(
            *(np.concatenate(part) for part in zip(*drawn, strict=True))
        )

    def save(
        self,
        folder: str | os.PathLike,
        previous: str | os.PathLike | None = None,
    ) -> None:
        """Writes all, see `Replay.save`."""
        for task, of_task in enumerate(self._replays):
            of_task.save(
                pathlib.Path(folder, str(task)),
                previous and pathlib.Path(previous, str(task)),
            )

    def restore(self, folder: str | os.PathLike) -> None:
        """Reads what was saved, see `Replay.restore`."""
        for task, of_task in enumerate(self._replays):
            of_task.restore(pathlib.Path(folder, str(task)))

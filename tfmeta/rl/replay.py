"""What off-policy agents remember: the transitions of several tasks."""

import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tfmeta import checkpoint_folder, errors
from tfmeta.layers import arguments

FORMAT = 1
"""The version of what a saved replay's folder holds."""

_STATE = "replay.json"
# Steps in a file. Only the last file, which is not full, is written anew.
_PIECE = 4096


class Transitions(NamedTuple):
    """Transitions `[..., size]` of tasks, or `[...]` where they are numbers.

    Attributes:
        observation: what was seen.
        action: what was done, in [-1, 1].
        reward: what it brought, `[...]`.
        next_observation: what was seen then.
        terminated: `[...]`, 1 where nothing comes after, else 0. An episode
            that is merely cut off has 0 there: more would have come.
    """

    observation: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    next_observation: np.ndarray
    terminated: np.ndarray


def as_rows(transitions: Transitions) -> np.ndarray:
    """Returns transitions as rows, `[..., row]` float32.

    Args:
        transitions: `[..., size]`, and `[...]`.
    """
    axes = np.ndim(transitions.reward)
    return np.concatenate(
        [
            part if np.ndim(part) > axes else np.expand_dims(part, -1)
            for part in transitions
        ],
        axis=-1,
        dtype=np.float32,
        casting="unsafe",
    )


def as_transitions(
    rows: Any, observation_size: int, action_size: int
) -> Transitions:
    """Returns what is in rows, of NumPy or of TensorFlow.

    Args:
        rows: `[..., row]`, see `as_rows`.
        observation_size: numbers in an observation.
        action_size: numbers in an action.
    """
    reward = observation_size + action_size
    return Transitions(
        rows[..., :observation_size],
        rows[..., observation_size:reward],
        rows[..., reward],
        rows[..., reward + 1 : -1],
        rows[..., -1],
    )


class Replay:
    """The last transitions of each of several tasks, from which batches come.

    A transition is a row of float32, and the rows lie in one array `[tasks,
    capacity, row]`: a task is a place, not a number in the row. The memory is
    taken as the rows come. All tasks step together.

    Args:
        tasks: number of tasks.
        capacity: transitions of each task, after which new ones replace the
            oldest.
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
        arguments.check_positive_integers(
            tasks=tasks,
            capacity=capacity,
            observation_size=observation_size,
            action_size=action_size,
        )
        self._sizes = observation_size, action_size
        row_size = 2 * observation_size + action_size + 2
        # Of a large array of zeros the system gives no page before it is used.
        self._rows = np.zeros((tasks, capacity, row_size), np.float32)
        self._added = 0

    def __len__(self) -> int:
        """Returns the number of transitions of each task."""
        return min(self._added, self.capacity)

    @property
    def tasks(self) -> int:
        """The number of tasks."""
        return self._rows.shape[0]

    @property
    def capacity(self) -> int:
        """The most transitions of a task that are kept."""
        return self._rows.shape[1]

    def add(self, transitions: Transitions) -> None:
        """Adds one transition of each task.

        Args:
            transitions: `[tasks, size]`, and `[tasks]`.
        """
        row = self._rows[:, self._added % self.capacity]
        start = 0
        for part in transitions:
            part = np.reshape(part, (self.tasks, -1))
            row[:, start : start + part.shape[1]] = part
            start += part.shape[1]
        if start != row.shape[1]:
            raise errors.InputError(
                f"transitions: expected {row.shape[1]} numbers of each task, "
                f"got {start}"
            )
        self._added += 1

    def sample(
        self, batch_size: int, generator: np.random.Generator
    ) -> Transitions:
        """Draws transitions of each task, with replacement.

        Args:
            batch_size: of each task.
            generator: what draws.

        Returns:
            Transitions `[tasks, batch_size, size]`, and `[tasks, batch_size]`.

        Raises:
            InputError: if fewer were added than are asked for.
        """
        if batch_size < 1 or batch_size > len(self):
            raise errors.InputError(
                f"batch_size={batch_size}: expected 1 to {len(self)}, the "
                "transitions of each task that there are"
            )
        chosen = generator.integers(len(self), size=(self.tasks, batch_size))
        rows = self._rows[np.arange(self.tasks)[:, np.newaxis], chosen]
        return as_transitions(rows, *self._sizes)

    def save(
        self,
        folder: str | os.PathLike,
        previous: str | os.PathLike | None = None,
    ) -> None:
        """Writes the transitions as a part of a checkpoint.

        Those that an older checkpoint holds are not written again: their files
        are linked. So a save costs what is new since the last.

        Args:
            folder: an empty folder; made if missing.
            previous: where the same replay was saved before, if it was; it may
                be removed afterwards.

        Raises:
            OSError: if the disk is full or the folder cannot be written.
        """
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, steps in self._pieces():
            if previous and (older := pathlib.Path(previous, name)).exists():
                _link(older, folder / name)
            else:
                with (folder / name).open("wb") as file:
                    np.save(file, self._rows[:, steps % self.capacity])
                    checkpoint_folder.flush(file)
        state = {
            "format": FORMAT,
            "shape": self._rows.shape,
            "added": self._added,
        }
        checkpoint_folder.write_json(folder / _STATE, state)

    def restore(self, folder: str | os.PathLike) -> None:
        """Reads what was saved.

        A replay of another capacity will do as long as nothing was replaced in
        it, and would not have been in this one.

        Args:
            folder: see `save`.

        Raises:
            InputError: if it cannot be read, or is of another replay.
        """
        folder = pathlib.Path(folder)
        what = f"replay {str(folder)!r}"
        with checkpoint_folder.reading(what):
            state = checkpoint_folder.read_json(folder / _STATE, FORMAT, what)
            tasks, capacity, row_size = state["shape"]
            added = int(state["added"])
            if (tasks, row_size) != self._rows.shape[::2] or (
                capacity != self.capacity
                and added > min(capacity, self.capacity)
            ):
                raise errors.InputError(
                    f"{what} is of shape {state['shape']}, expected "
                    f"{list(self._rows.shape)}: tasks, capacity, numbers in a "
                    "row"
                )
            self._added = added
            for name, steps in self._pieces():
                piece = np.load(folder / name, allow_pickle=False)
                # Its first transitions may have been replaced since.
                self._rows[:, steps % self.capacity] = piece[:, -len(steps) :]

    def _pieces(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields the files of what is kept, each with the steps in it."""
        first = self._added - len(self)
        for start in range(first // _PIECE * _PIECE, self._added, _PIECE):
            end = min(start + _PIECE, self._added)
            steps = np.arange(max(start, first), end)
            yield f"steps-{start:010d}-{end:010d}.npy", steps


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # Not all file systems can.
        shutil.copyfile(source, target)

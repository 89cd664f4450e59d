"""Checkpoints of an agent's run, from which it goes on bit for bit."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras

from tfmeta import checkpoint_folder, errors

FORMAT = 1
"""The version of what a checkpoint's folder holds."""

_VALUES = "variables.npz"
_PROGRESS = "progress.json"


class Part(Protocol):
    """What a run has besides variables, such as a collector or a replay."""

    def save(
        self,
        folder: str | os.PathLike,
        previous: str | os.PathLike | None = None,
    ) -> None:
        """Writes all that it is.

        Args:
            folder: an empty folder; made if missing.
            previous: where it was saved before, if it was: what is there need
                not be written again. It may be removed afterwards.
        """

    def restore(self, folder: str | os.PathLike) -> None:
        """Reads what was saved.

        Raises:
            InputError: if it cannot be read, or is of another run.
        """


class RunCheckpoints:
    """The checkpoints of a run in one folder, see `CheckpointFolder`.

    One holds the settings of the run, its parts, the values of its variables,
    and what else the caller says of its progress. No pickle.

    Args:
        folder: where they are; made if missing.
        settings: by name, as JSON holds them: all that would make another run.
        variables: of networks and optimizers, in an order that is always the
            same.
        parts: by name, what else the run has.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        settings: Mapping[str, Any],
        variables: Sequence[keras.Variable],
        parts: Mapping[str, Part],
    ):
        self._folder = checkpoint_folder.CheckpointFolder(folder)
        self._name = f"checkpoints={os.fspath(folder)!r}"
        # As they come back, to be compared.
        self._settings = json.loads(json.dumps(settings))
        self._variables = checkpoint_folder.numbered(list(variables))
        self._parts = parts

    def save(self, step: int, progress: Any) -> None:
        """Writes a checkpoint.

        Args:
            step: number of steps done, which names the checkpoint.
            progress: what `restore` is to return, as JSON holds it.

        Raises:
            OSError: if the disk is full or the folder cannot be written; the
                last checkpoint is left as it was.
        """
        previous = self._folder.latest
        with self._folder.write(step) as folder:
            for name, part in self._parts.items():
                part.save(folder / name, previous and previous / name)
            checkpoint_folder.write_arrays(
                folder / _VALUES,
                {name: v.numpy() for name, v in self._variables.items()},
            )
            checkpoint_folder.write_json(
                folder / _PROGRESS,
                {
                    "format": FORMAT,
                    "settings": self._settings,
                    "steps": step,
                    "progress": progress,
                },
            )

    def restore(self, steps: int) -> Any | None:
        """Sets variables and parts to the last checkpoint.

        Args:
            steps: when the run will be over.

        Returns:
            The progress given to `save`, or None if there is no checkpoint.

        Raises:
            InputError: if the checkpoint is of another run, network, optimizer
                or format, of more steps, or cannot be read.
        """
        latest = self._folder.latest
        if latest is None:
            return None
        what = f"checkpoint {str(latest)!r}"
        with checkpoint_folder.reading(what):
            content = checkpoint_folder.read_json(
                latest / _PROGRESS, FORMAT, what
            )
            self._check_settings(content["settings"])
            if content["steps"] > steps:
                raise errors.InputError(
                    f"{self._name} holds {content['steps']} steps, expected "
                    f"at most steps={steps}: give another folder"
                )
            values = checkpoint_folder.read_arrays(latest / _VALUES)
            progress = content["progress"]
        checkpoint_folder.assign(self._variables, values, what)
        for name, part in self._parts.items():
            part.restore(latest / name)
        return progress

    def _check_settings(self, found: Mapping[str, Any]) -> None:
        theirs, ours = dict(_flat(found)), dict(_flat(self._settings))
        for name in sorted(theirs.keys() | ours.keys()):
            if theirs.get(name) != ours.get(name):
                raise errors.InputError(
                    f"{self._name} holds another run, with "
                    f"{name}={theirs.get(name)!r}, not {ours.get(name)!r}: "
                    "give another folder"
                )


def optimizer_settings(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns what an optimizer is, for `settings` of `RunCheckpoints`."""
    return _without_names(keras.optimizers.serialize(optimizer))


def _without_names(content: Any) -> Any:
    # Those that Keras makes up differ between runs.
    if isinstance(content, Mapping):
        return {
            key: _without_names(value)
            for key, value in content.items()
            if key != "name"
        }
    return content


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields settings within settings by names such as "optimizer.name"."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            for inner, its_value in _flat(value):
                yield f"{name}.{inner}", its_value
        else:
            yield name, value

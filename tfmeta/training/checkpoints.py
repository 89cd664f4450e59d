"""Checkpoints from which a killed run goes on bit for bit."""

import json
import os
import pathlib
import shutil
from typing import Any

import keras
import numpy as np

from tfmeta import errors
from tfmeta.optimizers import task_gradient_optimizer

FORMAT = 1
"""The version of what a checkpoint's folder holds."""

_VALUES = "variables.npz"
_PROGRESS = "progress.json"
_TEMPORARY = ".writing"


class Checkpoints:
    """Checkpoints of a model in one folder.

    A checkpoint holds the value of every variable of the model and of its
    optimizer, the state of its random generators included (which Keras' weight
    files leave out), and what the caller says of its progress. It is written
    beside the others and then renamed, so that a run killed at any moment
    leaves the last whole one; the older are removed after that. It bears the
    version of its format; one of another version is refused.

    Args:
        folder: where the checkpoints are; made if missing.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)

    @property
    def latest(self) -> pathlib.Path | None:
        """The last whole checkpoint, or None."""
        whole = sorted(self._folder.glob("step-*"))
        return whole[-1] if whole else None

    def save(self, model: keras.Model, step: int, progress: Any) -> None:
        """Writes a checkpoint.

        Args:
            model: a compiled model.
            step: number of train steps done, which names the checkpoint.
            progress: what `restore` is to return, as JSON holds it.

        Raises:
            OSError: if the disk is full or the folder cannot be written; the
                last checkpoint is left as it was.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / _TEMPORARY
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            with (temporary / _VALUES).open("wb") as file:
                np.savez(
                    file, **{k: v.numpy() for k, v in _variables(model).items()}
                )
                _flush(file)
            with (temporary / _PROGRESS).open("w") as file:
                json.dump(
                    {
                        "format": FORMAT,
                        "num_tasks": _num_tasks(model),
                        "progress": progress,
                    },
                    file,
                )
                _flush(file)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        target = self._folder / f"step-{step:09d}"
        shutil.rmtree(target, ignore_errors=True)
        temporary.replace(target)
        for older in sorted(self._folder.glob("step-*")):
            if older < target:
                shutil.rmtree(older, ignore_errors=True)

    def restore(self, model: keras.Model) -> Any | None:
        """Sets a compiled model to the last checkpoint.

        Args:
            model: a compiled model, built as the saved one was.

        Returns:
            The progress given to `save`, or None if there is no checkpoint.

        Raises:
            InputError: if the checkpoint is of another network, optimizer or
                format, or cannot be read.
        """
        latest = self.latest
        if latest is None:
            return None
        try:
            content = json.loads((latest / _PROGRESS).read_text())
            with np.load(latest / _VALUES, allow_pickle=False) as archive:
                values = dict(archive)
        except Exception as error:  # zipfile, zlib and numpy raise their own.
            raise errors.InputError(
                f"checkpoint {str(latest)!r} cannot be read ({error}): remove "
                "it to start again"
            ) from error
        version = content.get("format") if isinstance(content, dict) else None
        if version != FORMAT:
            raise errors.InputError(
                f"checkpoint {str(latest)!r} has format {version}, expected "
                f"{FORMAT}: another version of tfmeta wrote it; remove it to "
                "start again"
            )
        if content["num_tasks"] is not None and isinstance(
            model.optimizer, task_gradient_optimizer.TaskGradientOptimizer
        ):
            # A learner's does not know it before its first step.
            model.optimizer.num_tasks = content["num_tasks"]
        model.optimizer.build(model.trainable_variables)
        variables = _variables(model)
        expected = {key: tuple(v.shape) for key, v in variables.items()}
        found = {key: value.shape for key, value in values.items()}
        if expected != found:
            first = min(
                key
                for key in expected.keys() | found.keys()
                if expected.get(key) != found.get(key)
            )
            raise errors.InputError(
                f"checkpoint {str(latest)!r} is of another network or "
                f"optimizer: its variable {first} has shape "
                f"{found.get(first)}, expected {expected.get(first)}"
            )
        for key, variable in variables.items():
            variable.assign(values[key])
        return content["progress"]


def _num_tasks(model: keras.Model) -> int | None:
    """Returns the number of tasks that a model's optimizer has state for."""
    optimizer = model.optimizer
    if isinstance(optimizer, task_gradient_optimizer.TaskGradientOptimizer):
        return optimizer.num_tasks
    return None


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Numbers variables: the names that Keras makes up differ between runs."""
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{number:04d}": v for number, v in enumerate(variables)}


def _flush(file) -> None:
    file.flush()
    os.fsync(file.fileno())

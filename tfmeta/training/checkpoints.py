"""Checkpoints from which a killed run goes on bit for bit."""

import os
import pathlib
from typing import Any

import keras

from tfmeta import checkpoint_folder
from tfmeta.optimizers import task_gradient_optimizer

FORMAT = 1
"""The version of what a checkpoint's folder holds."""

_VALUES = "variables.npz"
_PROGRESS = "progress.json"


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
        self._folder = checkpoint_folder.CheckpointFolder(folder)

    @property
    def latest(self) -> pathlib.Path | None:
        """The last whole checkpoint, or None."""
        return self._folder.latest

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
        values = {k: v.numpy() for k, v in _variables(model).items()}
        content = {
            "format": FORMAT,
            "num_tasks": _num_tasks(model),
            "progress": progress,
        }
        with self._folder.write(step) as folder:
            checkpoint_folder.write_arrays(folder / _VALUES, values)
            checkpoint_folder.write_json(folder / _PROGRESS, content)

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
        what = f"checkpoint {str(latest)!r}"
        with checkpoint_folder.reading(what):
            content = checkpoint_folder.read_json(
                latest / _PROGRESS, FORMAT, what
            )
            values = checkpoint_folder.read_arrays(latest / _VALUES)
        if content["num_tasks"] is not None and isinstance(
            model.optimizer, task_gradient_optimizer.TaskGradientOptimizer
        ):
            # A learner's does not know it before its first step.
            model.optimizer.num_tasks = content["num_tasks"]
        model.optimizer.build(model.trainable_variables)
        checkpoint_folder.assign(_variables(model), values, what)
        return content["progress"]


def _num_tasks(model: keras.Model) -> int | None:
    """Returns the number of tasks that a model's optimizer has state for."""
    optimizer = model.optimizer
    if isinstance(optimizer, task_gradient_optimizer.TaskGradientOptimizer):
        return optimizer.num_tasks
    return None


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    return checkpoint_folder.numbered(
        [*model.variables, *model.optimizer.variables]
    )

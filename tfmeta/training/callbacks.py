"""Keras callbacks for long runs."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import keras
import numpy as np

from tfmeta.optimizers import inner_optimizer, task_gradient_optimizer
from tfmeta.training import checkpoints


class DivergenceError(ArithmeticError):
    """Training met a loss or a gradient that is not a number."""


class SaveCheckpoint(keras.callbacks.Callback):
    """Writes a checkpoint after every epoch.

    Args:
        checkpoints: where to write.
        progress: called as `progress(epoch, logs)` after each epoch; what it
            returns is saved with the checkpoint.
    """

    def __init__(
        self,
        checkpoints: checkpoints.Checkpoints,
        progress: Callable[[int, dict], object],
    ):
        super().__init__()
        self._checkpoints = checkpoints
        self._progress = progress

    def on_epoch_end(self, epoch, logs=None):
        """Writes the checkpoint."""
        self._checkpoints.save(
            self.model,
            int(self.model.optimizer.iterations),
            self._progress(epoch, logs or {}),
        )


@runtime_checkable
class NamesTasks(Protocol):
    """A model whose tasks have names."""

    @property
    def task_names(self) -> Sequence[str]:
        """The names, in the order of the tasks."""


class StopOnNaN(keras.callbacks.Callback):
    """Stops training at the first loss that is NaN or infinite.

    Where an optimizer of task gradients records their Gramian, as
    `tfmeta.optimizers.PCGrad` does, it also stops at the first gradient that is
    not finite, and names its task. Without XLA such a step fails by itself. A
    loss scale skips such steps, and lets training go on.

    It stands before `SaveCheckpoint` in the list of callbacks, so that the
    last good checkpoint is what remains.

    Raises:
        DivergenceError: from `fit`, naming the step.
    """

    def on_train_batch_end(self, batch, logs=None):
        """Checks the loss so far."""
        del batch
        self._check(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Checks the epoch's loss, which a batch may not have reported."""
        del epoch
        self._check(logs)

    def _check(self, logs):
        loss = float((logs or {}).get("loss", 0.0))
        tasks = self._tasks_that_are_not_finite()
        if tasks or not math.isfinite(loss):
            step = int(self.model.optimizer.iterations)
            of_tasks = (
                ", with gradients that are not finite of the tasks "
                + ", ".join(map(str, tasks))
                if tasks
                else ""
            )
            raise DivergenceError(
                f"the loss is {loss} at step {step}{of_tasks}: training "
                "diverged; lower the inner or outer learning rate"
            )

    def _tasks_that_are_not_finite(self) -> list:
        """Returns names, or numbers, of tasks by the last step's gradients."""
        optimizer = self.model.optimizer
        if (
            not isinstance(
                optimizer, task_gradient_optimizer.TaskGradientOptimizer
            )
            or optimizer.last_gramian is None
            or inner_optimizer.loss_scale(optimizer.inner_optimizer) is not None
        ):
            return []
        # A gradient that is not finite has no finite length.
        squares = np.diagonal(optimizer.last_gramian.numpy())
        bad = np.flatnonzero(~np.isfinite(squares))
        if isinstance(self.model, NamesTasks):
            return [self.model.task_names[int(task)] for task in bad]
        return [int(task) for task in bad]

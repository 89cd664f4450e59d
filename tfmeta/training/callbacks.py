"""Keras callbacks for long runs."""

import math
from collections.abc import Callable

import keras

from tfmeta.training import checkpoints


class DivergenceError(ArithmeticError):
    """Training met a loss that is not a number."""


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


class StopOnNaN(keras.callbacks.Callback):
    """Stops training at the first loss that is NaN or infinite.

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
        if not math.isfinite(loss):
            step = int(self.model.optimizer.iterations)
            raise DivergenceError(
                f"the loss is {loss} at step {step}: training diverged; lower "
                "the inner or outer learning rate"
            )

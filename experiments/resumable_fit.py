"""Training that a kill does not harm, with its learning curve."""

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta import training


def fit(
    model: keras.Model,
    folder: pathlib.Path,
    batches: Callable[[int], tf.data.Dataset],
    *,
    steps: int,
    steps_per_epoch: int,
    validation_data: tf.data.Dataset,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains a compiled model, from the last checkpoint on if there is one.

    Args:
        model: the model; its optimizer counts the steps.
        folder: where `checkpoints` and `tensorboard` are, or go.
        batches: from the number of a step to the endless batches from it on.
        steps: of the whole training, a multiple of `steps_per_epoch`.
        steps_per_epoch: steps between two checkpoints and validations.
        validation_data: what the model is validated on after each epoch.
        callbacks: further callbacks. What they put into an epoch's logs is in
            the curve and in TensorBoard.

    Returns:
        `"curve"`: for each epoch its `"step"` and logs; `"seconds"` of training
        and validation, in all runs together.

    Raises:
        DivergenceError: if the loss becomes NaN.
        InputError: if the checkpoint is of another model.
    """
    checkpoints = training.Checkpoints(folder / "checkpoints")
    progress = checkpoints.restore(model) or {"curve": [], "seconds": 0.0}
    done = int(model.optimizer.iterations)
    if done:
        print(f"Going on from step {done}.", flush=True)
    started = time.monotonic() - progress["seconds"]

    def record(epoch: int, logs: dict) -> dict:
        step = int(model.optimizer.iterations)
        progress["curve"].append(
            {"step": step} | {key: float(value) for key, value in logs.items()}
        )
        progress["seconds"] = time.monotonic() - started
        return progress

    model.fit(
        batches(done),
        initial_epoch=done // steps_per_epoch,
        epochs=steps // steps_per_epoch,
        steps_per_epoch=steps_per_epoch,
        validation_data=validation_data,
        callbacks=[
            training.StopOnNaN(),
            *callbacks,
            keras.callbacks.TensorBoard(
                str(folder / "tensorboard"), write_graph=False
            ),
            training.SaveCheckpoint(checkpoints, record),
        ],
        shuffle=False,
    )
    return progress

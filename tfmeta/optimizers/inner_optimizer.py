"""What an optimizer of one gradient is asked before it takes combined ones."""

from typing import Any, Protocol, runtime_checkable

import keras
import tensorflow as tf

from tfmeta import errors


@runtime_checkable
class TakesTaskGradients(Protocol):
    """An optimizer that takes one gradient for each task."""

    def apply_task_gradients(self, task_gradients, variables) -> None:
        """Makes one step from the gradients of all tasks."""


@runtime_checkable
class WrapsOptimizer(Protocol):
    """An optimizer that leaves the update to another."""

    inner_optimizer: Any


def check(optimizer) -> keras.optimizers.Optimizer:
    """Returns an inner optimizer, if it can be one.

    Args:
        optimizer: a Keras optimizer, or the name of one.

    Raises:
        InputError: if it is neither, or the optimizer, or one inside it, takes
            task gradients or sums gradients of several steps.
    """
    if isinstance(optimizer, str):
        optimizer = keras.optimizers.get(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise errors.InputError(
            "inner_optimizer: expected a Keras optimizer or its name, got "
            f"{optimizer!r}"
        )
    innermost = optimizer
    while True:
        if isinstance(innermost, TakesTaskGradients):
            raise errors.InputError(
                f"inner_optimizer: {type(innermost).__name__} has combined the "
                "task gradients already, expected an optimizer of one gradient"
            )
        if innermost.gradient_accumulation_steps:
            raise errors.InputError(
                "inner_optimizer: gradient_accumulation_steps="
                f"{innermost.gradient_accumulation_steps} would sum gradients "
                "after the surgery on each, which is not the surgery on their "
                "sum: accumulate the task gradients before it"
            )
        if not isinstance(innermost, WrapsOptimizer):
            return optimizer
        innermost = innermost.inner_optimizer


def loss_scale(optimizer: keras.optimizers.Optimizer) -> tf.Tensor | None:
    """Returns what an optimizer multiplies losses by, None if it does not."""
    if (
        isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        or optimizer.loss_scale_factor is not None
    ):
        return optimizer.scale_loss(tf.ones(()))
    return None

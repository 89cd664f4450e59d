"""Gradients of tasks, told apart by who shares a variable."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors


class SharedGradients(NamedTuple):
    """The gradients of T tasks.

    Attributes:
        shared_variables: those that two or more tasks depend on (all that one
            depends on, if T is 1).
        shared: for each of them the tasks' gradients `[T, *variable.shape]`,
            zeros for a task that does not depend on it.
        own_variables: those that one task alone depends on.
        own: for each of them its task's gradient.
    """

    shared_variables: list[keras.Variable]
    shared: list[tf.Tensor]
    own_variables: list[keras.Variable]
    own: list[Any]


def differentiate_tasks(
    tape: tf.GradientTape,
    losses: Sequence[tf.Tensor],
    seeds: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
    names: Sequence[str],
) -> SharedGradients:
    """Makes one backward pass per task.

    A pass goes through what its loss depends on and no further: tasks on data
    of their own cost together what one pass of their sum costs. Who shares a
    variable is seen by which passes reach it, whatever the network's structure.

    Args:
        tape: persistent, it has recorded the losses.
        losses: a scalar for each task.
        seeds: what each loss is multiplied by, a scalar.
        variables: what to differentiate with respect to.
        names: the tasks' names.

    Returns:
        The gradients; variables that no task depends on are left out.

    Raises:
        InputError: if the loss of a task depends on no variable.
    """
    by_task = [
        tape.gradient(loss, variables, output_gradients=seed)
        for loss, seed in zip(losses, seeds, strict=True)
    ]
    for name, gradients in zip(names, by_task, strict=True):
        if all(gradient is None for gradient in gradients):
            raise errors.InputError(
                f"loss of {name!r} depends on no trainable variable: its task "
                "has no gradient"
            )
    result = SharedGradients([], [], [], [])
    for variable, gradients in zip(
        variables, zip(*by_task, strict=True), strict=True
    ):
        reached = [gradient for gradient in gradients if gradient is not None]
        if len(reached) > 1 or len(by_task) == 1 == len(reached):
            result.shared_variables.append(variable)
            result.shared.append(_stack(gradients, variable))
        elif reached:
            result.own_variables.append(variable)
            result.own.append(reached[0])
    return result


def split_evenly(
    variables: Sequence[keras.Variable], parts: int
) -> list[list[keras.Variable]]:
    """Splits variables into runs of about the same total size.

    Args:
        variables: one or more.
        parts: the number of runs; as large variables are not split, there may
            be fewer.
    """
    sizes = [math.prod(variable.shape) for variable in variables]
    runs: dict[int, list[keras.Variable]] = {}
    before = 0
    for variable, size in zip(variables, sizes, strict=True):
        # By where its middle lies.
        run = int(parts * (before + size / 2) / sum(sizes))
        runs.setdefault(run, []).append(variable)
        before += size
    return list(runs.values())


def _stack(gradients, variable: keras.Variable) -> tf.Tensor:
    zeros = tf.zeros(variable.shape, variable.dtype)
    return tf.stack(
        [
            # Embeddings have sparse gradients.
            zeros if gradient is None else tf.convert_to_tensor(gradient)
            for gradient in gradients
        ]
    )

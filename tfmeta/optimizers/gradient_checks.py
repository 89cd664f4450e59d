"""Whether gradients fit the variables, each other, and the numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfmeta import errors


def check_unique(
    variables: Sequence[Any], argument: str, key: Callable[[Any], Any]
) -> None:
    """Checks that each variable comes once.

    Args:
        variables: Keras or TensorFlow variables.
        argument: the name of the argument that they came in.
        key: what is the same for a variable's several guises.

    Raises:
        InputError: if one comes twice.
    """
    seen = set()
    for variable in variables:
        if key(variable) in seen:
            raise errors.InputError(
                f"{argument}: {_name(variable)} is in it twice"
            )
        seen.add(key(variable))


def check_task_gradients(
    task_gradients: Sequence[Any], variables: Sequence[Any]
) -> list[tf.Tensor]:
    """Returns dense task gradients, if they fit the variables.

    Args:
        task_gradients: see `TaskGradientOptimizer.apply_task_gradients`.
        variables: their variables.

    Raises:
        InputError: if one does not have the shape `[tasks, *variable.shape]`,
            or the number of tasks is not the same for all.
    """
    if len(task_gradients) != len(variables):
        raise errors.InputError(
            f"task_gradients: got {len(task_gradients)} for {len(variables)} "
            "variables"
        )
    tensors = []
    num_tasks = None
    for gradient, variable in zip(task_gradients, variables, strict=True):
        expected = f"[tasks, {', '.join(map(str, variable.shape))}]"
        if gradient is None:
            raise errors.InputError(
                f"task_gradients of {_name(variable)}: got None, expected "
                f"{expected}, zeros for a task that does not use it"
            )
        gradient = tf.convert_to_tensor(gradient)
        shape = gradient.shape
        if (
            shape.rank != len(variable.shape) + 1
            or not shape[1:].is_compatible_with(variable.shape)
            or shape[0] == 0
        ):
            raise errors.InputError(
                f"task_gradients of {_name(variable)}: got shape {shape}, "
                f"expected {expected}"
            )
        if None not in (num_tasks, shape[0]) and shape[0] != num_tasks:
            raise errors.InputError(
                f"task_gradients of {_name(variable)}: got {shape[0]} tasks, "
                f"the variables before it have {num_tasks}"
            )
        num_tasks = num_tasks or shape[0]
        tensors.append(gradient)
    return tensors


def assert_finite(
    gramian: tf.Tensor, task_names: Sequence[str] | None
) -> tf.Tensor:
    """Returns the Gramian, unless a task's gradient is not finite.

    Args:
        gramian: `[tasks, tasks]`.
        task_names: the tasks' names; None: their numbers are told.

    Raises:
        InputError: if one is not, or in a graph `InvalidArgumentError`. XLA
            leaves the check out.
    """
    # A gradient that is not finite has no finite length.
    finite = tf.math.is_finite(tf.linalg.diag_part(gramian))
    if task_names is None:
        tasks = tf.range(tf.shape(gramian)[0])
    else:
        tasks = tf.constant(list(task_names))
    bad = tf.boolean_mask(tasks, tf.logical_not(finite))
    message = (
        "task_gradients: expected finite ones of length less than the square "
        "root of the largest float, got others of the tasks"
    )
    if tf.executing_eagerly():
        if tf.size(bad) > 0:
            names = tf.strings.reduce_join(
                tf.strings.as_string(bad), separator=", "
            )
            raise errors.InputError(f"{message} {names.numpy().decode()}")
        return gramian
    assertion = tf.debugging.Assert(
        tf.reduce_all(finite), [message, bad], summarize=-1
    )
    with tf.control_dependencies([assertion]):
        return tf.identity(gramian)


def _name(variable) -> str:
    return repr(getattr(variable, "path", variable.name))

"""Checks of episodes, by shapes as far as these are known."""

from typing import Any

import tensorflow as tf

from tfmeta import episode, errors


def unpack(data: Any) -> Any:
    """Takes apart what Keras makes of its arguments.

    Args:
        data: of a data set, a generator or arrays: an `Episode` or `(support_x,
            support_y, query_x, query_y)`, the last of which `predict` can do
            without. Or that as Keras' `x`, in a tuple with its `y` and
            `sample_weight`, if there are some: `query_y` may be its `y`.

    Returns:
        The tuple, if it is such data, else what came.
    """
    if not isinstance(data, tuple) or not data:
        return data
    x, *others = data
    if not isinstance(x, tuple | list):
        return data
    others = [other for other in others if other is not None]
    return (*x, *others)


def check_meta_batch(
    data: Any, example_shape: tf.TensorShape
) -> episode.Episode:
    """Checks what `fit` or `evaluate` got of a data set.

    Args:
        data: an `Episode` or `(support_x, support_y, query_x, query_y)`, each
            `[tasks, ...]`, see `unpack`.
        example_shape: of an example, as the network takes it.

    Returns:
        The `Episode`.

    Raises:
        InputError: if it is not that.
    """
    data = unpack(data)
    if not isinstance(data, tuple) or len(data) != 4:
        raise errors.InputError(
            "data: expected meta-batches (support_x, support_y, query_x, "
            f"query_y) with a leading task axis, got {type(data).__name__}"
            + (f" of {len(data)}" if isinstance(data, tuple) else "")
        )
    episodes = episode.Episode(*data)
    check_support(
        episodes.support_x, episodes.support_y, example_shape, task_axes=1
    )
    check_examples("query_x", episodes.query_x, example_shape, task_axes=1)
    return episodes


def check_support(
    support_x: Any,
    support_y: Any,
    example_shape: tf.TensorShape,
    *,
    task_axes: int = 0,
) -> None:
    """Checks support sets.

    Args:
        support_x: `[support, ...]` behind the task axes.
        support_y: the same.
        example_shape: of an example, as the network takes it.
        task_axes: how many axes there are before these.

    Raises:
        InputError: if there is no example, or not a label for each, or if they
            are of another shape.
    """
    check_examples("support_x", support_x, example_shape, task_axes=task_axes)
    examples = tf.TensorShape(support_x.shape)[: task_axes + 1]
    labels = tf.TensorShape(support_y.shape)[: task_axes + 1]
    if examples[-1] == 0:
        raise errors.InputError(
            f"support_x: of shape {tuple(support_x.shape)}, expected one "
            "example or more"
        )
    if not examples.is_compatible_with(labels):
        raise errors.InputError(
            f"support_y: of shape {tuple(support_y.shape)}, expected a "
            f"label for each of {tuple(examples)} examples"
        )


def check_examples(
    argument: str,
    x: Any,
    example_shape: tf.TensorShape,
    *,
    task_axes: int = 0,
) -> None:
    """Checks that examples are what the network takes.

    Args:
        argument: what the user calls them.
        x: `[examples, ...]` behind the task axes.
        example_shape: of an example, as the network takes it.
        task_axes: how many axes there are before these.

    Raises:
        InputError: if they are of another shape.
    """
    if not example_shape.is_compatible_with(
        tf.TensorShape(x.shape)[task_axes + 1 :]
    ):
        raise errors.InputError(
            f"{argument}: of shape {tuple(x.shape)}, expected examples of "
            f"shape {tuple(example_shape)}, which the network takes"
        )

"""One loss for each task of a meta-batch, differentiated one by one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfmeta.gradients import task_mapping


class MappedGradients(NamedTuple):
    """What one pass over a meta-batch yields.

    Attributes:
        gradients: for each tensor of the weights, the gradients of all tasks
            `[tasks, *tensor.shape]`.
        losses: the tasks' losses `[tasks]`.
        outputs: what else the loss function returned, stacked over tasks.
    """

    gradients: list[tf.Tensor]
    losses: tf.Tensor
    outputs: Any


def compute_task_gradients(
    task_loss: Callable[[Any, Any], tuple[tf.Tensor, Any]],
    weights: Any,
    tasks: Any,
    *,
    mapping: str,
    output_dtypes: Any,
) -> MappedGradients:
    """Differentiates one loss per task with respect to shared weights.

    Each task has a `tf.GradientTape` of its own inside the mapped body, so its
    intermediate results are freed with the task.

    Args:
        task_loss: `(weights, task) -> (scalar loss, outputs)`.
        weights: the shared weights: a nested structure of tensors, or of what
            TensorFlow takes apart into tensors, such as distributions of
            TensorFlow Probability.
        tasks: nested structure of tensors `[tasks, ...]`.
        mapping: a way to map over tasks, see `task_mapping.map_tasks`.
        output_dtypes: the structure of `outputs`, of dtypes.

    Returns:
        The gradients, losses and outputs of all tasks. A weight that a task
        does not use has a zero gradient there.
    """
    tensors = tf.nest.flatten(weights, expand_composites=True)

    def one_task(task):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            loss, outputs = task_loss(
                tf.nest.pack_sequence_as(
                    weights, tensors, expand_composites=True
                ),
                task,
            )
        gradients = tape.gradient(loss, tensors, unconnected_gradients="zero")
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        return MappedGradients(gradients, loss, outputs)

    loss_dtype = tensors[0].dtype
    return task_mapping.map_tasks(
        one_task,
        tasks,
        mapping=mapping,
        output_dtypes=MappedGradients(
            [tensor.dtype for tensor in tensors], loss_dtype, output_dtypes
        ),
    )

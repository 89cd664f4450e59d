"""The gradient of each task: where both halves of the library meet."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfmeta.training import task_mapping


class TaskGradients(NamedTuple):
    """What one pass over a meta-batch yields.

    Attributes:
        gradients: for each weight, the gradients of all tasks
            `[tasks, *weight.shape]`.
        losses: the tasks' losses `[tasks]`.
        outputs: what else the loss function returned, stacked over tasks.
    """

    gradients: list[tf.Tensor]
    losses: tf.Tensor
    outputs: Any


def _share_nothing(weights: list[tf.Tensor]) -> Any:
    del weights
    return ()


def compute_task_gradients(
    task_loss: Callable[[list[tf.Tensor], Any, Any], tuple[tf.Tensor, Any]],
    weights: list[tf.Tensor],
    tasks: Any,
    *,
    mapping: str,
    output_dtypes: Any,
    share: Callable[[list[tf.Tensor]], Any] = _share_nothing,
) -> TaskGradients:
    """Differentiates one loss per task with respect to shared weights.

    Each task has a `tf.GradientTape` of its own inside the mapped body, so its
    intermediate results are freed with the task. What all tasks make of the
    weights alike, `share` makes once; a task's gradient goes through it by the
    chain rule.

    Args:
        task_loss: `(weights, shared, task) -> (scalar loss, outputs)`.
        weights: the shared weights, as tensors.
        tasks: nested structure of tensors `[tasks, ...]`.
        mapping: a way to map over tasks, see `task_mapping.map_tasks`.
        output_dtypes: the structure of `outputs`, of dtypes.
        share: `weights -> shared`, a nested structure of tensors.

    Returns:
        The gradients, losses and outputs of all tasks. A weight that a task
        does not use has a zero gradient there.
    """
    with tf.GradientTape(
        persistent=True, watch_accessed_variables=False
    ) as shared_tape:
        shared_tape.watch(weights)
        shared = share(weights)
    shared_values = tf.nest.flatten(shared)

    def one_task(task):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*weights, *shared_values])
            loss, outputs = task_loss(weights, shared, task)
        gradients, shared_gradients = tape.gradient(
            loss, [weights, shared_values], unconnected_gradients="zero"
        )
        if shared_values:
            gradients = [
                direct + indirect
                for direct, indirect in zip(
                    gradients,
                    shared_tape.gradient(
                        shared_values,
                        weights,
                        output_gradients=shared_gradients,
                        unconnected_gradients="zero",
                    ),
                    strict=True,
                )
            ]
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        return TaskGradients(gradients, loss, outputs)

    loss_dtype = weights[0].dtype
    return task_mapping.map_tasks(
        one_task,
        tasks,
        mapping=mapping,
        output_dtypes=TaskGradients(
            [weight.dtype for weight in weights], loss_dtype, output_dtypes
        ),
    )

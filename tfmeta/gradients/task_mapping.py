"""Three ways to run one function on every task of a meta-batch."""

import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from tfmeta import errors

TASK_MAPPINGS = ("map", "unroll", "vectorize")


def resolve(mapping: str, network: keras.Layer) -> str:
    """Returns the mapping that a user's choice stands for.

    Args:
        mapping: one of `TASK_MAPPINGS`, or `"auto"`: `"map"` for a network with
            convolutions, for which it is fast, or with loops, and
            `"vectorize"` for others.
        network: what is run in each task.

    Raises:
        InputError: if `mapping` is unknown, or is `"vectorize"` and the network
            has a loop.
    """
    if mapping not in ("auto", *TASK_MAPPINGS):
        raise errors.InputError(
            f"mapping={mapping!r} is unknown: expected auto, "
            f"{', '.join(TASK_MAPPINGS)}"
        )
    if mapping not in ("auto", "vectorize"):
        return mapping
    loops = [
        layer.name
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.RNN) and not layer.unroll
    ]
    if loops and mapping == "vectorize":
        raise errors.InputError(
            f"mapping='vectorize': TensorFlow cannot vectorize the gradient of "
            f"the loop in {', '.join(loops)}: expected auto, map, or a layer "
            "with unroll=True"
        )
    if loops:
        say_that_it_falls_back(f"the gradient of the loop in {loops[0]!r}")
        return "map"
    if mapping == "auto" and any(
        len(weight.shape) > 2 for weight in network.trainable_variables
    ):
        return "map"
    return "vectorize"


def say_that_it_falls_back(reason: str) -> None:
    """Logs the line that says why `"auto"` is not what is fast.

    Args:
        reason: what TensorFlow cannot vectorize.
    """
    logging.warning(
        "mapping='auto': one task after the other ('map', without XLA), for "
        "TensorFlow cannot vectorize %s",
        reason,
    )


def is_ragged(tasks: Any) -> bool:
    """Whether some of the tasks' tensors, or their specifications, are ragged.

    Args:
        tasks: nested structure.
    """
    return any(
        isinstance(part, tf.RaggedTensor | tf.RaggedTensorSpec)
        for part in tf.nest.flatten(tasks)
    )


def map_tasks(
    function: Callable[[Any], Any],
    tasks: Any,
    *,
    mapping: str,
    output_dtypes: Any,
) -> Any:
    """Applies `function` to each task and stacks what it returns.

    All mappings agree to rounding; they differ in speed and memory:

    - `"map"`: a loop in the graph (`tf.map_fn`). The graph holds one task, so
      its size does not depend on the number of tasks, and one task's
      activations fit into a processor's cache: the fast one for convolutions.
    - `"vectorize"`: all tasks in one batch of operations
      (`tf.vectorized_map`): the fast one for small dense networks, more so
      under XLA. Convolutions with a task's own filters have no vectorized
      form and fall back to a loop.
    - `"unroll"`: one copy of the graph per task: for debugging, and for
      functions that neither of the others can express.

    Args:
        function: takes one task, returns a nested structure of tensors. A
            gradient belongs inside it: then a task's activations never leave
            its body.
        tasks: nested structure of tensors `[tasks, ...]`.
        mapping: one of `TASK_MAPPINGS`.
        output_dtypes: the structure that `function` returns, of dtypes.

    Returns:
        The structure that `function` returns, of tensors `[tasks, ...]`.

    Raises:
        InputError: if `mapping` is unknown, or `"unroll"` meets a meta-batch
            whose number of tasks is not known when the graph is built.
    """
    if mapping == "map":
        return tf.map_fn(
            function,
            tasks,
            fn_output_signature=output_dtypes,
            # More tasks at a time than threads to run them only hold memory.
            parallel_iterations=(
                tf.config.threading.get_inter_op_parallelism_threads()
                or os.cpu_count()
            ),
        )
    if mapping == "vectorize":
        return tf.vectorized_map(function, tasks)
    if mapping == "unroll":
        num_tasks = tf.nest.flatten(tasks)[0].shape[0]
        if num_tasks is None:
            raise errors.InputError(
                "mapping='unroll' needs a known number of tasks: batch the "
                "episodes with drop_remainder=True"
            )
        results = [
            function(tf.nest.map_structure(lambda t, i=i: t[i], tasks))
            for i in range(num_tasks)
        ]
        return tf.nest.map_structure(lambda *r: tf.stack(r), *results)
    raise errors.InputError(
        f"mapping={mapping!r} is unknown: expected {', '.join(TASK_MAPPINGS)}"
    )

"""Three ways to run one function on every task of a meta-batch."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfmeta import errors

TASK_MAPPINGS = ("map", "unroll", "vectorize")


def resolve(mapping: str, weights: Sequence) -> str:
    """Returns the mapping that a user's choice stands for.

    Args:
        mapping: one of `TASK_MAPPINGS`, or `"auto"`: `"map"` for a network with
            convolutions, `"vectorize"` for others, the fast ones.
        weights: the network's, by whose shapes its convolutions are known.

    Raises:
        InputError: if `mapping` is unknown.
    """
    if mapping == "auto":
        has_convolution = any(len(weight.shape) > 2 for weight in weights)
        return "map" if has_convolution else "vectorize"
    if mapping not in TASK_MAPPINGS:
        raise errors.InputError(
            f"mapping={mapping!r} is unknown: expected auto, "
            f"{', '.join(TASK_MAPPINGS)}"
        )
    return mapping


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

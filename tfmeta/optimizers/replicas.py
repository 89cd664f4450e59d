"""Sums over the replicas of a `tf.distribute` strategy."""

from typing import Any

import tensorflow as tf


def count() -> int:
    """Returns the number of replicas that make a step together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def is_one_of_several() -> bool:
    """Returns whether this is one replica's part of a step with others."""
    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1


def sum_over_replicas(tensors: Any) -> Any:
    """Sums what each replica has made of its share of the batch.

    Args:
        tensors: a nested structure of tensors, or of `tf.IndexedSlices`.

    Returns:
        The sums, on all replicas; what came in where there is but one.
    """
    if not is_one_of_several() or not tf.nest.flatten(tensors):
        return tensors
    return tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, tensors
    )


def zero_but_on_first(gradients: list) -> list:
    """Undoes a sum that Keras' optimizers are about to make once more.

    Args:
        gradients: tensors or `tf.IndexedSlices`, the same on all replicas.

    Returns:
        Them on the first replica, and zeros on all others.
    """
    if not is_one_of_several():
        return gradients
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    is_first = tf.equal(replica, 0)

    def keep(values):
        return values * tf.cast(is_first, values.dtype)

    return [
        tf.IndexedSlices(keep(g.values), g.indices, g.dense_shape)
        if isinstance(g, tf.IndexedSlices)
        else keep(g)
        for g in gradients
    ]

"""What the replicas of a `tf.distribute` strategy make together."""

import enum
import math
from typing import Any, NamedTuple

import tensorflow as tf


class Split(enum.Enum):
    """What the replicas share out among themselves."""

    EXAMPLES = "examples"
    """Each has some examples of every task: the tasks' values are sums."""

    TASKS = "tasks"
    """Each has some of the tasks, whole: their values stand side by side."""


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


def join(tensors: Any, split: Split) -> Any:
    """Makes the values of all tasks of those that each replica has.

    Args:
        tensors: a nested structure of tensors `[tasks, ...]`.
        split: what the replicas share out.

    Returns:
        The same on all replicas: sums, or `[tasks of all, ...]` in the order of
        the replicas; what came in where there is but one.
    """
    if split is Split.EXAMPLES:
        return sum_over_replicas(tensors)
    if not is_one_of_several() or not tf.nest.flatten(tensors):
        return tensors
    values = tf.nest.flatten(tensors)
    gathered: list[tf.Tensor] = [None] * len(values)
    for dtype in dict.fromkeys(value.dtype for value in values):
        places = [n for n, value in enumerate(values) if value.dtype == dtype]
        of_dtype = _gather([values[place] for place in places])
        for place, value in zip(places, of_dtype, strict=True):
            gathered[place] = value
    return tf.nest.pack_sequence_as(tensors, gathered)


class Place(NamedTuple):
    """Where a replica's tasks stand among those of all.

    Attributes:
        before: number of tasks of the replicas before it.
        size: number of its tasks.
        total: number of all tasks.
    """

    before: tf.Tensor | int
    size: tf.Tensor | int
    total: tf.Tensor | int

    @classmethod
    def of(cls, tasks: tf.Tensor) -> "Place":
        """Finds the place of a replica's tasks.

        Args:
            tasks: `[tasks, ...]`, what this replica has of each.
        """
        static = tasks.shape[0]
        size = tf.shape(tasks)[0] if static is None else static
        if not is_one_of_several():
            return cls(0, size, size)
        if static is not None:
            # A meta-batch of known size is split evenly.
            return cls(_number() * size, size, count() * size)
        sizes = join(tf.reshape(size, (1,)), Split.TASKS)
        return cls(
            tf.reduce_sum(sizes[: _number()]), size, tf.reduce_sum(sizes)
        )

    def rows(self, values: Any) -> Any:
        """Returns what is of this replica's tasks.

        Args:
            values: a nested structure of tensors `[total, ...]`.
        """
        if not is_one_of_several():
            return values
        static = self.size if isinstance(self.size, int) else None
        return tf.nest.map_structure(
            lambda v: tf.ensure_shape(
                v[self.before : self.before + self.size],
                (static, *v.shape[1:]),
            ),
            values,
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
    is_first = tf.equal(_number(), 0)

    def keep(values):
        return values * tf.cast(is_first, values.dtype)

    return [
        tf.IndexedSlices(keep(g.values), g.indices, g.dense_shape)
        if isinstance(g, tf.IndexedSlices)
        else keep(g)
        for g in gradients
    ]


def _number() -> tf.Tensor | int:
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def _gather(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Gathers tensors of one dtype as one, since each message has its price."""
    sizes = [math.prod(value.shape[1:]) for value in values]
    tasks = values[0].shape[0]
    rows = tf.concat(
        [
            tf.reshape(value, (tf.shape(value)[0], size))
            for value, size in zip(values, sizes, strict=True)
        ],
        axis=1,
    )
    gathered = tf.distribute.get_replica_context().all_gather(rows, axis=0)
    # Of a meta-batch that is not split evenly sizes are unknown.
    total = -1 if tasks is None else tasks * count()
    return [
        tf.reshape(part, (total, *value.shape[1:]))
        for part, value in zip(
            tf.split(gathered, sizes, axis=1), values, strict=True
        )
    ]

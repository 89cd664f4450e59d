"""Passing through a batch several times, some rows at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments


def seed_tensor(number: int) -> tf.Tensor:
    """Returns a seed as compiled steps take it, `[2]` int64.

    Args:
        number: from 0 to 2^32 - 1.
    """
    return tf.constant(np.array([number, 0]), tf.int64)


class Passes:
    """How a batch is passed through.

    Args:
        epochs: how often.
        minibatches: into how many parts it is split each time.

    Raises:
        InputError: if one is not a positive integer.
    """

    def __init__(self, epochs: int, minibatches: int):
        arguments.check_positive_integers(
            epochs=epochs, minibatches=minibatches
        )
        self._epochs, self._minibatches = epochs, minibatches

    def run(
        self, step: Callable[[Any], Any], batch: Any, seed: tf.Tensor
    ) -> Any:
        """Makes a step with each minibatch, in one loop of the graph.

        The rows of each task are shuffled anew in each epoch.

        Args:
            step: takes a minibatch, and returns tensors of fixed shape.
            batch: tensors `[tasks, rows, ...]`.
            seed: `[2]` int64; fixes the order.

        Returns:
            The means of what the steps returned.

        Raises:
            InputError: if there are fewer rows than minibatches.
        """
        tasks, rows = tf.nest.flatten(batch)[0].shape[:2]
        size = rows // self._minibatches
        if not size:
            raise errors.InputError(
                f"minibatches={self._minibatches}: expected at most {rows}, "
                "the steps of each task in a batch"
            )
        steps = self._epochs * self._minibatches

        def order(epoch):
            keys = tf.random.stateless_uniform(
                (tasks, rows), seed + tf.stack([0, tf.cast(epoch, tf.int64)])
            )
            return tf.argsort(keys, axis=-1)

        def rows_of(number):
            if steps == 1:
                return batch
            start = number % self._minibatches * size
            chosen = order(number // self._minibatches)
            chosen = tf.slice(chosen, (0, start), (tasks, size))
            return tf.nest.map_structure(
                lambda part: tf.gather(part, chosen, batch_dims=1), batch
            )

        sums = step(rows_of(tf.constant(0)))

        def one(number, sums):
            more = step(rows_of(number))
            return number + 1, tf.nest.map_structure(tf.add, sums, more)

        sums = tf.while_loop(
            lambda number, _: number < steps, one, (tf.constant(1), sums)
        )[1]
        return tf.nest.map_structure(lambda part: part / steps, sums)

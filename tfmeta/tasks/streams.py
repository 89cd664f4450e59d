"""Endless streams of tasks, and seeds for streams that share no tasks."""

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from tfmeta import errors
from tfmeta.tasks import arguments

T = TypeVar("T")


class Streams:
    """The streams of one experiment, by name.

    Training, the learning curve and the evaluation each draw from a stream of
    their own. Stream k of n gets the seed `n * seed + k`, so that no two
    streams share a seed, neither those of one experiment nor those of its runs
    with other seeds.

    Results depend on the number of names and on their order: do not add, drop
    or reorder names where results are to stay what they are.

    Args:
        *names: one for each stream, all different.

    Raises:
        InputError: if there are no names, or one comes twice.
    """

    def __init__(self, *names: str):
        if not names or len(set(names)) < len(names):
            raise errors.InputError(
                "names: expected one or more different names of streams, got "
                f"{', '.join(names) or 'none'}"
            )
        self._names = names

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the streams."""
        return self._names

    def seed(self, seed: int, name: str) -> int:
        """Returns the seed of one stream.

        Args:
            seed: the experiment's, 0 or more.
            name: one of `names`.

        Raises:
            InputError: if there is no such stream.
        """
        arguments.check_choice("stream", name, self._names)
        return len(self._names) * seed + self._names.index(name)


def endless_stream(
    sample: Callable[[tf.Tensor], T], *, seed: int, start: int
) -> tf.data.Dataset:
    """Returns the tasks number `start`, `start + 1`, ... of a stream.

    Args:
        sample: makes task number i from `[seed, i]`, int64, and from nothing
            else that is random. So a stream can be taken up anywhere.
        seed: fixes the stream.
        start: the number of the first task.

    Returns:
        An infinite dataset of what `sample` returns.

    Raises:
        InputError: if `seed` or `start` is negative, or has more than 63 bits.
    """
    arguments.check_numbers(seed=seed, start=start)
    # The repetition is never reached: it marks the dataset as infinite.
    numbers = tf.data.Dataset.range(start, tf.int64.max).repeat()
    return numbers.map(
        lambda number: sample(tf.stack([tf.constant(seed, tf.int64), number]))
    )


def random_integers(count: int, task_seed: tf.Tensor) -> tf.Tensor:
    """Returns integers that are uniform over all of int32, `[count]`.

    One call makes all of a task's random numbers: calls cost more than numbers.

    Args:
        count: how many.
        task_seed: `[seed, i]` of task number i.
    """
    return tf.random.stateless_uniform(
        [count],
        task_seed,
        minval=None,
        maxval=None,
        dtype=tf.int32,
        alg="philox",
    )

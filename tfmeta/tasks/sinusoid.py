"""Regression of sinusoids, whose inputs can give the task away."""

import numpy as np
import tensorflow as tf

from tfmeta import episode
from tfmeta.tasks import arguments, streams

NUM_IDS = 20
# Input `[x, one-hot id]`.
INPUT_SIZE = 1 + NUM_IDS
AMPLITUDES = np.linspace(0.1, 4.0, NUM_IDS)
# Meta-training leaves out the last ids, and so the largest amplitudes.
NUM_TRAIN_IDS = 16
MAX_X = 5.0
NOISE_STDDEV = 0.1


def sample_sinusoids(
    *,
    shots: int,
    queries: int = 10,
    informative_ids: bool = True,
    seed: int = 0,
    start: int = 0,
) -> tf.data.Dataset:
    """Returns an endless stream of regression tasks, each a sinusoid.

    `y = A sin(x) + noise` with x uniform on [-5, 5] and normal noise of
    standard deviation 0.1, variance 0.01, on support and query alike: no
    learner's mean squared error is below 0.01. An input is x and a one-hot id
    of the task (Yin et al. 2020, section 6.1):

    - In meta-training the id determines the amplitude: id i of the first 16 has
      `A = AMPLITUDES[i]`, 0.1 to 3.2. So one function of the inputs solves all
      tasks, and a learner can memorize it instead of learning to adapt.
    - In meta-validation and meta-test A is uniform on [0.1, 4], and the id is
      any of the same 16, independent of A: a learner that relies on it is
      misled.

    Task number i depends on `seed` and i alone, so a stream can be taken up
    anywhere: `start=k` is the stream without its first k tasks.

    Args:
        shots: support points of a task.
        queries: query points of a task.
        informative_ids: whether ids determine the amplitudes.
        seed: fixes the stream.
        start: the number of the first task.

    Returns:
        An infinite dataset of `Episode`, all float32: x `[points, 21]`, y
        `[points, 1]`.

    Raises:
        InputError: if an argument is out of range.
    """
    arguments.check_sizes(shots=shots, queries=queries)
    points = shots + queries

    def sample(task_seed: tf.Tensor) -> episode.Episode:
        uniform_seed, normal_seed = tf.unstack(tf.random.split(task_seed, 2))
        # One call for the id, the amplitude and all x: calls cost more than
        # numbers.
        uniform = tf.random.stateless_uniform(
            [2 + points], uniform_seed, alg="philox"
        )
        task_id = tf.cast(NUM_TRAIN_IDS * uniform[0], tf.int32)
        if informative_ids:
            amplitude = tf.gather(tf.constant(AMPLITUDES, tf.float32), task_id)
        else:
            least, most = AMPLITUDES[0], AMPLITUDES[-1]
            amplitude = least + (most - least) * uniform[1]
        x = MAX_X * (2 * uniform[2:, tf.newaxis] - 1)
        noise = tf.random.stateless_normal(
            [points, 1], normal_seed, alg="philox"
        )
        y = amplitude * tf.sin(x) + NOISE_STDDEV * noise
        inputs = with_id(x, task_id)
        return episode.Episode(
            inputs[:shots], y[:shots], inputs[shots:], y[shots:]
        )

    return streams.endless_stream(sample, seed=seed, start=start)


def with_id(x: tf.Tensor, task_id: tf.Tensor) -> tf.Tensor:
    """Returns a task's inputs: x `[points, 1]` and its id, `[points, 21]`."""
    one_hot = tf.one_hot(task_id, NUM_IDS)
    return tf.concat(
        [x, tf.broadcast_to(one_hot, [tf.shape(x)[0], NUM_IDS])], axis=1
    )

"""Tasks that ask how far an object is turned.

A task is an object: a few images of it are given with their azimuths, and the
azimuths of other images of it are asked for. Where azimuth 0 is differs from
object to object, and the support set shows it. But a learner can also recognize
the objects that it was trained on, and ignore the support set (Yin et al. 2020,
section 6.2).
"""

import numpy as np
import tensorflow as tf

from tfmeta import episode, errors
from tfmeta.tasks import arguments, streams
from tfmeta.tasks.poses import pose_objects


def sample_pose_episodes(
    objects: pose_objects.PoseObjects,
    *,
    shots: int = 15,
    queries: int = 15,
    seed: int = 0,
    start: int = 0,
) -> tf.data.Dataset:
    """Returns an endless stream of tasks, each of one object.

    Task number i depends on `seed` and i alone, so a stream can be taken up
    anywhere: `start=k` is the stream without its first k tasks.

    Args:
        objects: what to draw from, uniformly.
        shots: support images of a task.
        queries: query images of a task, distinct from its support images.
        seed: fixes the stream.
        start: the number of the first task.

    Returns:
        An infinite dataset of `Episode`, all float32: images `[shots, height,
        width, channels]`, 0 to 1, and azimuths `[shots, 1]`, a full turn being
        10; the same for the queries.

    Raises:
        InputError: if there is no support or query, an object has fewer images
            than `shots + queries`, or an argument is out of range.
    """
    arguments.check_sizes(shots=shots, queries=queries)
    num_objects, renders = objects.images.shape[:2]
    if shots + queries > renders:
        raise errors.InputError(
            f"shots + queries: expected at most {renders}, the images of an "
            f"object, got {shots} + {queries}"
        )
    # On the CPU, where tf.data runs. As eager tensors the images are captured
    # by reference; as an array they would be copied into the graph.
    with tf.device("CPU:0"):
        images = tf.constant(objects.images)
        labels = tf.constant(objects.labels[..., np.newaxis])

    def sample(task_seed: tf.Tensor) -> episode.Episode:
        keys = streams.random_integers(1 + renders, task_seed)
        chosen = tf.math.floormod(keys[0], num_objects)
        order = tf.math.top_k(keys[1:], shots + queries).indices
        x = tf.cast(tf.gather(images[chosen], order), tf.float32) / 255.0
        y = tf.gather(labels[chosen], order)
        return episode.Episode(x[:shots], y[:shots], x[shots:], y[shots:])

    return streams.endless_stream(sample, seed=seed, start=start)

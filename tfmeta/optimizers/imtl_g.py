"""IMTL-G: the same projection on every task's gradient."""

import keras
import tensorflow as tf

from tfmeta.gradients import gramian as gramian_lib
from tfmeta.optimizers import (
    nonnegative_quadratic,
    task_gradient_optimizer,
)


@keras.saving.register_keras_serializable("tfmeta")
class IMTLG(task_gradient_optimizer.TaskGradientOptimizer):
    """Treats all tasks' directions alike (Liu et al. 2021).

    The update has the same projection onto each task's gradient direction, with
    weights that add up to 1, of which some may be negative: equation 5 in
    "Towards Impartial Multi-task Learning". With `reduction="mean"` it is that
    update; the sum is as many times it as there are tasks. Arguments as of
    `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns `imtl_g_weights` times the number of tasks."""
        del seed
        num_tasks = tf.cast(tf.shape(gramian)[0], gramian.dtype)
        return num_tasks * imtl_g_weights(gramian)


def imtl_g_weights(gramian: tf.Tensor) -> tf.Tensor:
    """Computes the weights of equal projections, in closed form.

    With the cosines K and lengths n of the gradients they are proportional to
    `K^+ 1 / n`.

    Args:
        gramian: `[tasks, tasks]`.

    Returns:
        `[tasks]` with sum 1; zero for a zero gradient, which has no direction,
        and for all where no weights with sum 1 exist.
    """
    cosines, norms = gramian_lib.cosines(tf.cast(gramian, tf.float64))
    ones = tf.cast(norms > 0, tf.float64)
    values, vectors = tf.linalg.eigh(cosines)
    noise = nonnegative_quadratic.noise_level(
        tf.shape(values)[0], gramian.dtype
    )
    rank = values > noise * tf.reduce_max(values)
    inverse = tf.where(
        rank, 1 / tf.where(rank, values, 1), tf.zeros_like(values)
    )
    solution = tf.linalg.matvec(
        vectors, inverse * tf.linalg.matvec(vectors, ones, transpose_a=True)
    )
    weights = ones * solution * tf.math.reciprocal_no_nan(norms)
    total = tf.reduce_sum(weights)
    exists = tf.abs(total) > noise * tf.reduce_sum(tf.abs(weights))
    return tf.cast(
        tf.where(exists, weights / total, tf.zeros_like(weights)),
        gramian.dtype,
    )

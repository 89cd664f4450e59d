"""MGDA: the shortest vector between all gradients."""

import keras
import tensorflow as tf

from tfmeta.optimizers import nonnegative_quadratic, task_gradient_optimizer


@keras.saving.register_keras_serializable("tfmeta")
class MGDA(task_gradient_optimizer.TaskGradientOptimizer):
    """Follows the shortest convex combination (Desideri 2012).

    No task conflicts with it, and it is zero where no update improves all
    tasks, as when one of them has converged. Sener and Koltun (2018), equation
    3, use it for networks; their solver approaches it, this one is exact. With
    `reduction="mean"` it is the convex combination; the sum is as many times
    that as there are tasks. Arguments as of `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns `mgda_weights` times the number of tasks."""
        del seed
        num_tasks = tf.cast(tf.shape(gramian)[0], gramian.dtype)
        return num_tasks * mgda_weights(gramian)


def mgda_weights(gramian: tf.Tensor) -> tf.Tensor:
    """Computes the convex combination of least length.

    It is, but for its sum, the `u >= 0` that minimizes `u^T G u + (1^T u -
    1)^2`: along a ray of u the least value grows with the length of the ray's
    convex combination.

    Args:
        gramian: `[tasks, tasks]`.

    Returns:
        `[tasks]`, nonnegative with sum 1. Zero gradients share all weight.
    """
    matrix = tf.cast(gramian, tf.float64)
    squares = tf.linalg.diag_part(matrix)
    zero = squares <= 0
    any_zero = tf.reduce_any(zero)
    # Relative to the shortest gradient u stays near 1, whatever the others.
    shortest = tf.reduce_min(squares)
    matrix += tf.where(any_zero, tf.ones_like(shortest), shortest)
    scales = tf.math.rsqrt(tf.linalg.diag_part(matrix))
    matrix *= scales[:, tf.newaxis] * scales
    solution = nonnegative_quadratic.solve_nonnegative(
        nonnegative_quadratic.floor_eigenvalues(matrix, gramian.dtype),
        scales[tf.newaxis],
    )
    weights = tf.where(
        any_zero, tf.cast(zero, tf.float64), scales * solution[0]
    )
    return tf.cast(weights / tf.reduce_sum(weights), gramian.dtype)

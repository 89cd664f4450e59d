"""Nash-MTL: tasks bargain for the update."""

import keras
import tensorflow as tf

from tfmeta.gradients import gramian as gramian_lib
from tfmeta.optimizers import (
    nonnegative_quadratic,
    task_gradient_optimizer,
)

_MAX_NEWTON_STEPS = 100


@keras.saving.register_keras_serializable("tfmeta")
class NashMTL(task_gradient_optimizer.TaskGradientOptimizer):
    """Follows the Nash bargaining solution (Navon et al. 2022).

    The weights solve `G a = 1 / a`, `a > 0` (equation 2 in "Multi-Task Learning
    as a Bargaining Game"), at every step and exactly, where the published code
    approaches them. As there, G is divided by its Frobenius norm first, so that
    the update grows with the gradients. Its clipping to length 1 is left to the
    inner optimizer's `global_clipnorm`. Arguments as of
    `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns `nash_mtl_weights`."""
        del seed
        return nash_mtl_weights(gramian)


def nash_mtl_weights(gramian: tf.Tensor) -> tf.Tensor:
    """Computes the bargaining weights.

    They minimize the convex, self-concordant `a^T G a / 2 - sum log a`, on
    which damped Newton steps, at most 100, cannot fail.

    Args:
        gramian: `[tasks, tasks]`.

    Returns:
        `[tasks]`, positive; 0 for a zero gradient, which has no stake. Equal
        gradients have weight 1 each.
    """
    cosines, norms = gramian_lib.cosines(tf.cast(gramian, tf.float64))
    matrix = nonnegative_quadratic.floor_eigenvalues(cosines, gramian.dtype)

    def unsolved(step, solution, decrement):
        del solution
        return (step < _MAX_NEWTON_STEPS) & (decrement > 1e-10)

    def newton(step, solution, decrement):
        del decrement
        inverse = 1 / solution
        gradient = tf.linalg.matvec(matrix, solution) - inverse
        direction = -tf.linalg.cholesky_solve(
            tf.linalg.cholesky(matrix + tf.linalg.diag(inverse**2)),
            gradient[:, tf.newaxis],
        )[:, 0]
        decrement = tf.sqrt(
            tf.maximum(-tf.tensordot(gradient, direction, 1), 0)
        )
        # Positive still: no entry falls by more than its fraction decrement.
        solution += direction / (1 + decrement)
        return step + 1, solution, decrement

    start = tf.ones_like(norms)
    solution = tf.while_loop(
        unsolved, newton, (tf.constant(0), start, tf.reduce_sum(start))
    )[1]
    scale = tf.sqrt(tf.norm(tf.cast(gramian, tf.float64)))
    weights = scale * solution * tf.math.reciprocal_no_nan(norms)
    return tf.cast(weights, gramian.dtype)

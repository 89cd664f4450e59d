"""UPGrad: each gradient projected onto what conflicts with none."""

import keras
import tensorflow as tf

from tfmeta.gradients import gramian as gramian_lib
from tfmeta.optimizers import (
    nonnegative_quadratic,
    task_gradient_optimizer,
)


@keras.saving.register_keras_serializable("tfmeta")
class UPGrad(task_gradient_optimizer.TaskGradientOptimizer):
    """Adds up projections onto the dual cone (Quinton and Rey 2024).

    Each task's gradient is projected onto the cone of updates that have a
    nonnegative inner product with every task gradient. The sum of the
    projections is in the cone too: to first order no task gets worse, which
    PCGrad promises for two tasks only. Section 3.2 there ("Jacobian Descent for
    Multi-Objective Optimization"). Arguments as of `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns `upgrad_weights`."""
        del seed
        return upgrad_weights(gramian)


def upgrad_weights(gramian: tf.Tensor) -> tf.Tensor:
    """Computes the weights with which UPGrad sums the gradients.

    The projection of `g_i` is `v_i J` for the `v_i` that minimizes `v^T G v`
    over `v >= e_i` (Proposition 1). All rows are solved at once.

    Args:
        gramian: `[tasks, tasks]`.

    Returns:
        `[tasks]`, each at least 1, for the sum of the projections.
    """
    cosines, norms = gramian_lib.cosines(tf.cast(gramian, tf.float64))
    # With v_i = e_i + y and y scaled by the norms, y >= 0 minimizes
    # y^T K y / 2 + K_i y for the cosines K.
    linear = tf.where(
        (norms > 0)[:, tf.newaxis], -cosines, tf.zeros_like(cosines)
    )
    added = nonnegative_quadratic.solve_nonnegative(
        nonnegative_quadratic.floor_eigenvalues(cosines, gramian.dtype), linear
    )
    weights = 1 + tf.linalg.matvec(
        added, norms, transpose_a=True
    ) * tf.math.reciprocal_no_nan(norms)
    return tf.cast(weights, gramian.dtype)

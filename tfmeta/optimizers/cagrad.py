"""CAGrad: near the average gradient, the best for the worst task."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.gradients import gramian as gramian_lib
from tfmeta.optimizers import (
    nonnegative_quadratic,
    task_gradient_optimizer,
)

_MAX_NEWTON_STEPS = 60


@keras.saving.register_keras_serializable("tfmeta")
class CAGrad(task_gradient_optimizer.TaskGradientOptimizer):
    """Improves the worst task, not far from the average (Liu et al. 2021).

    The update d maximizes `min_i g_i^T d` over `|d - g_0| <= c |g_0|`, where
    g_0 is the average gradient (equation 3 in "Conflict-Averse Gradient
    Descent"). With `reduction="mean"` it is d; the sum is as many times d as
    there are tasks. The authors' code divides d by `1 + c^2` by default; here
    that is left to the learning rate.

    Args:
        inner_optimizer: see `TaskGradientOptimizer`.
        c: radius of the ball around the average, relative to its length. Below
            1 it converges to a minimum of the average loss.
        reduction: see `TaskGradientOptimizer`.
        seed: see `TaskGradientOptimizer`.
        name: see `TaskGradientOptimizer`.
    """

    def __init__(
        self,
        inner_optimizer,
        *,
        c: float = 0.5,
        reduction: str = "sum",
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(
            inner_optimizer, reduction=reduction, seed=seed, name=name
        )
        if c < 0:
            raise errors.InputError(f"c={c}: expected 0 or more")
        self._c = c

    def task_weights(self, gramian, seed):
        """Returns `cagrad_weights` times the number of tasks."""
        del seed
        num_tasks = tf.cast(tf.shape(gramian)[0], gramian.dtype)
        return num_tasks * cagrad_weights(gramian, self._c)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {"c": self._c}


def cagrad_weights(gramian: tf.Tensor, c: float) -> tf.Tensor:
    """Computes the weights of CAGrad's update.

    The dual (equation 4 there) is solved in the form `d = g_0 + u J`, where
    `u >= 0` minimizes `u^T G u / 2 + (G 1 / T - m)^T u` for the number m at
    which `|u J| = c |g_0|`. Its square is convex in m, so that Newton's method
    finds m in a few steps, at most 60.

    Args:
        gramian: `[tasks, tasks]`.
        c: radius of the ball around the average, relative to its length.

    Returns:
        `[tasks]`, each at least `1 / tasks`. A task whose gradient is zero is
        indifferent, and counts in the average alone.
    """
    cosines, norms = gramian_lib.cosines(tf.cast(gramian, tf.float64))
    matrix = nonnegative_quadratic.floor_eigenvalues(cosines, gramian.dtype)
    num_tasks = tf.cast(tf.shape(gramian)[0], tf.float64)
    largest = tf.reduce_max(norms)
    lengths = tf.math.divide_no_nan(norms, largest)
    inverse = tf.math.reciprocal_no_nan(lengths)
    # Unknowns and all below are in units of the task gradients' lengths.
    average = tf.where(
        norms > 0, tf.linalg.matvec(matrix, lengths) / num_tasks, 0
    )
    square = tf.tensordot(lengths, average, 1) / num_tasks
    target = c**2 * tf.maximum(square, 0)

    def excess(m):
        """Returns u, `|u J|^2` less its target, and its slope in m."""
        solution = nonnegative_quadratic.solve_nonnegative(
            matrix, (m * inverse - average)[tf.newaxis]
        )[0]
        length = tf.tensordot(solution, tf.linalg.matvec(matrix, solution), 1)
        return (
            solution,
            length - target,
            2 * tf.tensordot(inverse, solution, 1),
        )

    def unsolved(step, m, change, solution):
        del m, solution
        return (step < _MAX_NEWTON_STEPS) & (tf.abs(change) > 1e-14 * start)

    def newton(step, m, change, solution):
        del change, solution
        solution, value, slope = excess(m)
        change = -tf.math.divide_no_nan(value, slope)
        return step + 1, m + change, change, solution

    # To the right of the root, where no step goes past it.
    start = tf.reduce_max(lengths * average) + tf.sqrt(target) + 1e-3 * square
    solution = tf.while_loop(
        unsolved,
        newton,
        (tf.constant(0), start, start, tf.zeros_like(average)),
    )[3]
    added = tf.where(target > 0, solution * inverse, 0)
    return tf.cast(1 / num_tasks + added, gramian.dtype)

"""A quadratic program with nonnegative unknowns, solved in the graph."""

import numpy as np
import tensorflow as tf

# Full exchanges that may fail to make progress before single ones begin.
_PATIENCE = 3
# What a row of n products rounds to, relative to the largest: n times this.
_ROUNDING = 4 * float(np.finfo(np.float64).eps)
# Solvers round in float64, too, what they have divided by eigenvalues.
_LEAST_NOISE = 1e-9


def solve_nonnegative(matrix: tf.Tensor, linear: tf.Tensor) -> tf.Tensor:
    """Minimizes `y^T A y / 2 - b^T y` over `y >= 0`, for many b at once.

    The method is block principal pivoting (Portugal, Judice and Vicente 1994;
    Kim and Park 2011): guess which unknowns are zero, solve for the others,
    exchange all that have the wrong sign. Few exchanges lead to the exact
    solution, where sweeps over coordinates would need many; if they cycle, one
    unknown is exchanged at a time, which ends for every positive definite A.

    Args:
        matrix: A `[n, n]` float64, symmetric, with a diagonal near 1 and
            eigenvalues above the noise, see `floor_eigenvalues`.
        linear: b `[problems, n]` float64.

    Returns:
        y `[problems, n]`. At most `5 n + 20` exchanges are made.
    """
    size = tf.shape(matrix)[0]
    index = tf.range(size)[tf.newaxis]

    def solve(free):
        """Returns the solution and slack if only some may be nonzero."""
        mask = tf.cast(free, matrix.dtype)
        system = tf.linalg.set_diag(
            matrix * mask[:, :, tf.newaxis] * mask[:, tf.newaxis],
            mask * tf.linalg.diag_part(matrix) + (1 - mask),
        )
        solution = tf.linalg.cholesky_solve(
            tf.linalg.cholesky(system), (linear * mask)[..., tf.newaxis]
        )[..., 0]
        return solution, (1 - mask) * (tf.matmul(solution, matrix) - linear)

    def wrong_signs(solution, slack):
        """Tells `[problems, n]` which unknowns are on the wrong side."""
        rounding = _ROUNDING * tf.cast(size, matrix.dtype)
        largest = _largest(solution)
        return tf.logical_or(
            solution < -rounding * largest,
            slack < -rounding * (largest + _largest(linear)),
        )

    def unsolved(step, free, solution, wrong, fewest, patience):
        del free, solution, fewest, patience
        return tf.logical_and(tf.reduce_any(wrong), step < 5 * size + 20)

    def exchange(step, free, solution, wrong, fewest, patience):
        del solution
        count = tf.reduce_sum(tf.cast(wrong, tf.int32), -1)
        progress = count < fewest
        patience = tf.where(progress, _PATIENCE, patience - 1)
        last = tf.reduce_max(tf.where(wrong, index, -1), -1, keepdims=True)
        chosen = tf.where(
            (patience >= 0)[:, tf.newaxis], wrong, wrong & (index == last)
        )
        free = tf.not_equal(free, chosen)
        solution, slack = solve(free)
        return (
            step + 1,
            free,
            solution,
            wrong_signs(solution, slack),
            tf.minimum(count, fewest),
            patience,
        )

    problems = tf.shape(linear)[0]
    none = tf.zeros_like(linear)
    solution = tf.while_loop(
        unsolved,
        exchange,
        (
            tf.constant(0),
            tf.zeros_like(linear, tf.bool),
            none,
            wrong_signs(none, -linear),
            tf.fill((problems,), size + 1),
            tf.fill((problems,), _PATIENCE),
        ),
    )[2]
    return tf.maximum(solution, 0)


def floor_eigenvalues(matrix: tf.Tensor, precision: tf.DType) -> tf.Tensor:
    """Lifts eigenvalues that are rounding noise to the size of that noise.

    Linearly dependent gradients have a singular Gramian, which rounding makes
    indefinite. Eigenvalues above the noise are left alone.

    Args:
        matrix: `[n, n]` float64, symmetric, with a diagonal near 1.
        precision: the dtype whose rounding the matrix has been through.

    Returns:
        The nearest matrix whose eigenvalues are at least the noise.
    """
    values, vectors = tf.linalg.eigh(matrix)
    lifted = tf.maximum(values, noise_level(tf.shape(matrix)[0], precision))
    return tf.matmul(vectors * lifted, vectors, transpose_b=True)


def noise_level(size: tf.Tensor, precision: tf.DType) -> tf.Tensor:
    """Returns what eigenvalues of unit vectors' Gramian are but rounding.

    `4 n epsilon`, and in float64 no less than 1e-9.

    Args:
        size: the number of rows.
        precision: the dtype whose rounding the matrix has been through.

    Returns:
        A float64 scalar.
    """
    epsilon = float(np.finfo(precision.as_numpy_dtype).eps)
    return tf.maximum(4 * epsilon * tf.cast(size, tf.float64), _LEAST_NOISE)


def _largest(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(tf.abs(values), -1, keepdims=True)

"""The solvers: oracles and certificates of optimality."""

import itertools

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import task_matrices
from tfmeta.optimizers import (
    aligned_mtl,
    cagrad,
    imtl_g,
    mgda,
    nash_mtl,
    upgrad,
)

_CASES = tuple(itertools.product(task_matrices.KINDS[:4], (2, 5, 20)))
_PRECISIONS = ((tf.float32, 1e-4), (tf.float64, 1e-8))


@tf.function(reduce_retracing=True)
def _cagrad_weights(gramian, c):
    return cagrad.cagrad_weights(gramian, c)


def _solve_by_enumeration(gramian, linear):
    """Minimizes y^T G y / 2 - b^T y over y >= 0 by trying all supports."""
    size = len(gramian)
    best, least = np.zeros(size), 0.0
    for support in itertools.product([False, True], repeat=size):
        free = np.array(support)
        y = np.zeros(size)
        y[free] = np.linalg.solve(gramian[np.ix_(free, free)], linear[free])
        value = y @ gramian @ y / 2 - linear @ y
        if np.all(y >= 0) and value < least:
            best, least = y, value
    return best


def _solve_by_descent(gramian, linear):
    """The same for rows of b, by many sweeps over the coordinates."""
    y = np.zeros_like(linear)
    for _ in range(1000):
        for j in range(len(gramian)):
            slope = y @ gramian[j] - linear[:, j]
            y[:, j] = np.maximum(0, y[:, j] - slope / gramian[j, j])
    return y


def _assert_update(weights, expected, matrix, tolerance):
    update, expected = weights.numpy() @ matrix, expected @ matrix
    error = np.linalg.norm(update - expected) / np.linalg.norm(expected)
    assert error <= tolerance, f"relative error {error:.1e}"


class SolversTest(parameterized.TestCase):
    @parameterized.parameters(*_CASES)
    def test_upgrad_is_the_sum_of_projections(self, kind, tasks):
        matrix = task_matrices.make(kind, tasks)
        gramian = matrix @ matrix.T
        lengths = np.sqrt(np.diag(gramian))
        cosines = gramian / lengths / lengths[:, np.newaxis]
        if tasks > 5:
            added = _solve_by_descent(cosines, -cosines)
        else:
            added = [_solve_by_enumeration(cosines, -row) for row in cosines]
        expected = 1 + lengths @ np.array(added) / lengths
        for dtype, tolerance in _PRECISIONS:
            weights = upgrad.upgrad_weights(
                task_matrices.gramian(matrix, dtype)
            )
            self.assertTrue(np.all(weights >= 1))
            _assert_update(weights, expected, matrix, tolerance)

    @parameterized.parameters(*_CASES)
    def test_mgda_is_the_shortest(self, kind, tasks):
        matrix = task_matrices.make(kind, tasks)
        gramian = matrix @ matrix.T
        for dtype, tolerance in _PRECISIONS:
            weights = mgda.mgda_weights(
                task_matrices.gramian(matrix, dtype)
            ).numpy()
            self.assertTrue(np.all(weights >= 0))
            np.testing.assert_allclose(weights.sum(), 1, rtol=1e-6)
            # Shortest where no other vertex lies further back.
            products = gramian @ weights
            square = weights @ products
            self.assertGreaterEqual(products.min(), square * (1 - tolerance))

    def test_mgda_of_two_tasks_has_a_closed_form(self):
        for seed in range(10):
            matrix = task_matrices.make("of_all_lengths", 2, seed=seed)
            one, other = matrix
            share = (other - one) @ other / np.sum((one - other) ** 2)
            share = np.clip(share, 0, 1)
            np.testing.assert_allclose(
                mgda.mgda_weights(task_matrices.gramian(matrix)),
                [share, 1 - share],
                atol=1e-12,
            )

    @parameterized.parameters(
        *itertools.product(task_matrices.KINDS, (2, 5, 20), (0.2, 0.9))
    )
    def test_cagrad_is_the_best_of_its_ball(self, kind, tasks, c):
        matrix = task_matrices.make(kind, tasks)
        average = matrix.mean(0)
        radius = c * np.linalg.norm(average)
        for dtype, tolerance in _PRECISIONS:
            if kind == "linearly_dependent":
                tolerance *= 10  # Rounding decides where no update is good.
            weights = _cagrad_weights(
                task_matrices.gramian(matrix, dtype), tf.constant(c, tf.float64)
            ).numpy()
            update = weights @ matrix
            np.testing.assert_allclose(
                np.linalg.norm(update - average), radius, rtol=tolerance
            )
            # The dual, equation 4, bounds from above what d maximizes.
            added = weights.astype(np.float64) - 1 / tasks
            worst = (added / added.sum()) @ matrix
            bound = worst @ average + radius * np.linalg.norm(worst)
            self.assertLessEqual(
                bound - (matrix @ update).min(),
                tolerance * np.linalg.norm(matrix, axis=1).max() * radius,
            )

    @parameterized.parameters(*_CASES)
    def test_nash_mtl_solves_its_equation(self, kind, tasks):
        matrix = task_matrices.make(kind, tasks)
        gramian = matrix @ matrix.T
        for dtype, tolerance in _PRECISIONS:
            weights = nash_mtl.nash_mtl_weights(
                task_matrices.gramian(matrix, dtype)
            ).numpy()
            self.assertTrue(np.all(weights > 0))
            np.testing.assert_allclose(
                weights * (gramian @ weights),
                np.linalg.norm(gramian),
                rtol=10 * tolerance,
            )

    @parameterized.parameters(*_CASES)
    def test_imtl_g_projects_equally(self, kind, tasks):
        matrix = task_matrices.make(kind, tasks)
        for dtype, tolerance in _PRECISIONS:
            weights = imtl_g.imtl_g_weights(
                task_matrices.gramian(matrix, dtype)
            ).numpy()
            np.testing.assert_allclose(weights.sum(), 1, rtol=1e-5)
            cosines = task_matrices.cosines(weights @ matrix, matrix)
            self.assertLess(
                np.ptp(cosines), 10 * tolerance * np.abs(cosines).max()
            )

    @parameterized.parameters(*itertools.product(task_matrices.KINDS, (2, 5)))
    def test_aligned_mtl_equals_the_singular_values(self, kind, tasks):
        matrix = task_matrices.make(kind, tasks, size=8)
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        rank = values > 1e-9
        aligned = values[rank].min() * left[:, rank] @ right[rank]
        # In float32 the shortest gradients are within rounding of the longest.
        precisions = _PRECISIONS[1 if kind == "of_all_lengths" else 0 :]
        for dtype, tolerance in precisions:
            weights = aligned_mtl.aligned_mtl_weights(
                task_matrices.gramian(matrix, dtype)
            )
            np.testing.assert_allclose(
                weights.numpy() @ matrix,
                aligned.sum(0),
                atol=10 * tolerance * values[rank].min(),
            )


if __name__ == "__main__":
    absltest.main()

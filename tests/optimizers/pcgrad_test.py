"""PCGrad and its kin against the algorithms as published, and properties."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import task_matrices
from tfmeta.optimizers import gradvac, pcgrad, pcgrad_ablations, upgrad


def _orders(tasks, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(tasks) for _ in range(tasks)])


def _flat_pcgrad(matrix, orders):
    """Algorithm 1 of Yu et al. (2020), on whole gradients."""
    projected = matrix.copy()
    for i, order in enumerate(orders):
        for j in order:
            product = projected[i] @ matrix[j]
            if j != i and product < 0:
                projected[i] -= product / (matrix[j] @ matrix[j]) * matrix[j]
    return projected


def _flat_gradvac(matrix, orders, targets, beta):
    """Algorithm 1 of Wang et al. (2021), on whole gradients."""
    turned, targets = matrix.copy(), targets.copy()
    for i, order in enumerate(orders):
        for j in order:
            if j == i:
                continue
            length, other = (
                np.linalg.norm(turned[i]),
                np.linalg.norm(matrix[j]),
            )
            cosine, target = (
                turned[i] @ matrix[j] / length / other,
                targets[i, j],
            )
            if cosine < target:
                sine, target_sine = (
                    np.sqrt(1 - cosine**2),
                    np.sqrt(1 - target**2),
                )
                turned[i] += (
                    length
                    * (target * sine - cosine * target_sine)
                    / (other * target_sine)
                    * matrix[j]
                )
            targets[i, j] += beta * (cosine - target)
    return turned, targets


def _weights(matrix, orders, dtype=tf.float64):
    gramian = task_matrices.gramian(matrix, dtype)
    return pcgrad.pcgrad_weights(gramian, tf.constant(orders)).numpy()


def _assert_close(actual, desired, tolerance):
    np.testing.assert_allclose(
        actual, desired, rtol=0, atol=tolerance * np.abs(desired).max()
    )


class PCGradWeightsTest(parameterized.TestCase):
    def test_pinned(self):
        matrix = np.array([[-4.0, 1, 1], [6, 1, 1]])
        for order in ([0, 1], [1, 0]):
            update = _weights(matrix, np.array([order, order])) @ matrix
            np.testing.assert_allclose(
                update, [0.5848, 3.8012, 3.8012], atol=5e-5
            )

    @parameterized.product(
        kind=task_matrices.KINDS,
        tasks=(1, 2, 20, 100),
        dtype=(tf.float32, tf.float64),
    )
    def test_agrees_with_the_algorithm_on_whole_gradients(
        self, kind, tasks, dtype
    ):
        matrix = task_matrices.make(kind, tasks)
        orders = _orders(tasks)
        weights = _weights(matrix, orders, dtype)
        self.assertTrue(np.all(weights >= 1))
        _assert_close(
            weights @ matrix,
            _flat_pcgrad(matrix, orders).sum(0),
            1e-12 if dtype == tf.float64 else 1e-4,
        )

    def test_each_task_has_an_order_of_its_own(self):
        # What one order for all, or a fixed one, would get wrong.
        matrix = task_matrices.make("conflicting", 4)
        own, shared = _orders(4), np.tile(_orders(4)[:1], (4, 1))
        update = _weights(matrix, own) @ matrix
        _assert_close(update, _flat_pcgrad(matrix, own).sum(0), 1e-12)
        self.assertGreater(
            np.abs(update - _flat_pcgrad(matrix, shared).sum(0)).max(), 1e-3
        )

    def test_projections_scale_with_their_own_gradients_alone(self):
        matrix = task_matrices.make("conflicting", 5)
        orders = _orders(5)
        factors = np.exp(np.random.default_rng(1).normal(size=5))
        scaled = factors[:, np.newaxis] * matrix
        _assert_close(
            _weights(scaled, orders) @ scaled,
            factors @ _flat_pcgrad(matrix, orders),
            1e-12,
        )

    @parameterized.parameters("independent", "conflicting", "agreeing")
    def test_of_two_tasks_is_upgrad(self, kind):
        for seed in range(10):
            matrix = task_matrices.make(kind, 2, seed=seed)
            np.testing.assert_allclose(
                _weights(matrix, _orders(2)),
                upgrad.upgrad_weights(task_matrices.gramian(matrix)),
                rtol=1e-9,
            )

    @parameterized.parameters(1e-22, 1e-15, 1.0, 1e15)
    def test_zero_gradients_among_gradients_of_any_size(self, size):
        matrix = size * task_matrices.make("conflicting", 5)
        matrix[[1, 3]] = 0
        weights = _weights(matrix, _orders(5), tf.float32)
        self.assertTrue(np.isfinite(weights).all())
        if size > 1e-20:  # Squares of smaller ones are zero in float32.
            update = _flat_pcgrad(
                matrix[::2], np.array([[1, 2], [0, 2], [0, 1]])
            )
            self.assertGreater(np.linalg.norm(update), 0)
            self.assertGreater(weights.max(), 1)

    def test_compiles(self):
        matrix = task_matrices.make("conflicting", 6)
        gramian = task_matrices.gramian(matrix)
        compiled = tf.function(pcgrad.pcgrad_weights, jit_compile=True)
        np.testing.assert_allclose(
            compiled(gramian, tf.constant(_orders(6))),
            _weights(matrix, _orders(6)),
            rtol=1e-12,
        )


class RandomOrdersTest(parameterized.TestCase):
    def test_rows_are_different_permutations_fixed_by_the_seed(self):
        gramian = tf.zeros((20, 20))
        orders = pcgrad.random_orders(gramian, tf.constant([3, 7])).numpy()
        np.testing.assert_array_equal(
            np.sort(orders, axis=1), np.tile(np.arange(20), (20, 1))
        )
        self.assertLen({tuple(row) for row in orders}, 20)
        np.testing.assert_array_equal(
            orders, pcgrad.random_orders(gramian, tf.constant([3, 7]))
        )
        for seed in ([3, 8], [4, 7]):
            other = pcgrad.random_orders(gramian, tf.constant(seed)).numpy()
            self.assertTrue(np.any(other != orders))

    def test_all_orders_are_as_likely(self):
        counts: dict = {}
        for step in range(200):
            orders = pcgrad.random_orders(
                tf.zeros((3, 3)), tf.constant([0, step])
            )
            for row in orders.numpy():
                counts[tuple(row)] = counts.get(tuple(row), 0) + 1
        self.assertLen(counts, 6)
        # 600 draws, 100 expected, standard deviation 9.
        self.assertGreater(min(counts.values()), 60)
        self.assertLess(max(counts.values()), 140)


class AblationsTest(parameterized.TestCase):
    @parameterized.parameters(*task_matrices.KINDS)
    def test_have_the_direction_of_one_and_the_length_of_the_other(self, kind):
        matrix = task_matrices.make(kind, 5)
        gramian = task_matrices.gramian(matrix)
        weights = tf.constant(_weights(matrix, _orders(5)))
        summed, projected = matrix.sum(0), weights.numpy() @ matrix
        direction = pcgrad_ablations.direction_weights(gramian, weights)
        magnitude = pcgrad_ablations.magnitude_weights(gramian, weights)
        ratio = np.linalg.norm(projected) / np.linalg.norm(summed)
        _assert_close(direction.numpy() @ matrix, projected / ratio, 1e-12)
        _assert_close(magnitude.numpy() @ matrix, summed * ratio, 1e-12)

    def test_opposite_gradients_have_no_direction(self):
        gramian = task_matrices.gramian(np.array([[1.0, 2.0], [-1.0, -2.0]]))
        weights = tf.ones(2, tf.float64)
        for rescale in (
            pcgrad_ablations.direction_weights,
            pcgrad_ablations.magnitude_weights,
        ):
            np.testing.assert_array_equal(rescale(gramian, weights), 1)


class GradVacTest(parameterized.TestCase):
    @parameterized.parameters(*task_matrices.KINDS)
    def test_agrees_with_the_algorithm_on_whole_gradients(self, kind):
        matrix = task_matrices.make(kind, 6)
        orders = _orders(6)
        targets = np.random.default_rng(2).uniform(-0.3, 0.6, size=(6, 6))
        weights, new_targets = gradvac.gradvac_weights(
            task_matrices.gramian(matrix),
            tf.constant(orders),
            tf.constant(targets),
            0.1,
        )
        turned, expected = _flat_gradvac(matrix, orders, targets, 0.1)
        _assert_close(weights.numpy() @ matrix, turned.sum(0), 1e-11)
        np.testing.assert_allclose(new_targets, expected, atol=1e-12)

    def test_is_pcgrad_at_first(self):
        matrix = task_matrices.make("conflicting", 6)
        weights, _ = gradvac.gradvac_weights(
            task_matrices.gramian(matrix),
            tf.constant(_orders(6)),
            tf.zeros((6, 6), tf.float64),
            0.01,
        )
        np.testing.assert_allclose(
            weights, _weights(matrix, _orders(6)), rtol=1e-12
        )

    def test_zero_gradients_do_not_move_the_averages(self):
        matrix = task_matrices.make("conflicting", 3)
        matrix[1] = 0
        targets = np.full((3, 3), 0.5, np.float32)
        _, moved = gradvac.gradvac_weights(
            task_matrices.gramian(matrix, tf.float32),
            tf.constant(_orders(3)),
            tf.constant(targets),
            0.1,
        )
        np.testing.assert_array_equal(
            moved.numpy() != targets,
            [[False, False, True], [False] * 3, [True, False, False]],
        )

    @parameterized.parameters(1.0, -1.0)
    def test_targets_at_the_ends_are_finite(self, target):
        matrix = task_matrices.make("independent", 3)
        weights, _ = gradvac.gradvac_weights(
            task_matrices.gramian(matrix, tf.float32),
            tf.constant(_orders(3)),
            tf.fill((3, 3), target),
            0.1,
        )
        self.assertTrue(np.isfinite(weights).all())


if __name__ == "__main__":
    absltest.main()

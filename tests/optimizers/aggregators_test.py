"""All methods: properties, and agreement with TorchJD."""

import importlib
import itertools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import task_matrices
from tfmeta import errors
from tfmeta.optimizers import aggregators


class PropertiesTest(parameterized.TestCase):
    def _weigh(self, name, matrix, dtype=tf.float32):
        optimizer = aggregators.AGGREGATORS[name](keras.optimizers.SGD(1.0))
        optimizer.build([keras.Variable(np.zeros(matrix.shape[1]))])
        return optimizer.weigh(task_matrices.gramian(matrix, dtype)).numpy()

    @parameterized.parameters(*set(aggregators.AGGREGATORS) - {"cagrad"})
    def test_equal_gradients_add_up(self, name):
        matrix = np.tile(np.random.default_rng(0).normal(size=7), (5, 1))
        np.testing.assert_allclose(
            self._weigh(name, matrix) @ matrix, matrix.sum(0), rtol=1e-3
        )

    @parameterized.product(
        name=tuple(aggregators.AGGREGATORS),
        scale=(0.0, 1e-25, 1.0, 1e15),
        tasks=(1, 2, 100),
    )
    def test_finite_at_all_scales_and_dependencies(self, name, scale, tasks):
        matrix = task_matrices.make("conflicting", tasks)
        matrix[-1] = 0
        if tasks > 2:
            matrix[1] = -matrix[0]
            matrix[2] = matrix[0]
        weights = self._weigh(name, scale * matrix)
        self.assertEqual(weights.shape, (tasks,))
        self.assertTrue(np.isfinite(weights).all(), weights)

    @parameterized.product(
        name=tuple(aggregators.AGGREGATORS), factor=(1e-6, 1e6)
    )
    def test_update_grows_with_the_gradients(self, name, factor):
        matrix = task_matrices.make("conflicting", 5)
        np.testing.assert_allclose(
            self._weigh(name, factor * matrix, tf.float64),
            self._weigh(name, matrix, tf.float64),
            rtol=1e-6,
        )

    @parameterized.product(
        name=("mgda", "upgrad", "nash_mtl"),
        kind=task_matrices.KINDS[:4],
        tasks=(2, 20),
    )
    def test_conflicts_with_no_task(self, name, kind, tasks):
        matrix = task_matrices.make(kind, tasks)
        update = self._weigh(name, matrix) @ matrix
        self.assertGreater(task_matrices.cosines(update, matrix).min(), -1e-4)

    def test_sum_and_pcgrad_may_conflict_where_upgrad_does_not(self):
        # So that the test above can fail.
        conflicts = dict.fromkeys(("sum", "pcgrad"), 0)
        for seed in range(20):
            matrix = task_matrices.make("conflicting", 5, seed=seed)
            for name in conflicts:
                update = self._weigh(name, matrix) @ matrix
                conflicts[name] += (matrix @ update).min() < 0
        self.assertGreater(conflicts["sum"], 0)
        self.assertGreater(conflicts["pcgrad"], 0)

    @parameterized.parameters("mgda", "upgrad", "nash_mtl", "cagrad", "imtl_g")
    def test_order_of_tasks_does_not_matter(self, name):
        matrix = task_matrices.make("conflicting", 6)
        order = np.random.default_rng(0).permutation(6)
        np.testing.assert_allclose(
            self._weigh(name, matrix[order], tf.float64),
            self._weigh(name, matrix, tf.float64)[order],
            rtol=1e-6,
        )

    @parameterized.parameters(*aggregators.AGGREGATORS)
    def test_compiles_with_any_number_of_tasks(self, name):
        if name == "gradvac":
            self.skipTest("keeps state for one number of tasks")
        optimizer = aggregators.AGGREGATORS[name](keras.optimizers.SGD(1.0))
        optimizer.build([keras.Variable(0.0)])
        optimizer.num_tasks = 3
        compiled = tf.function(
            optimizer.weigh,
            jit_compile=True,
            input_signature=[tf.TensorSpec((None, None))],
        )
        for tasks in (3, 5):
            gramian = task_matrices.gramian(
                task_matrices.make("agreeing", tasks), tf.float32
            )
            weights = compiled(gramian)
            if "pcgrad" not in name:  # XLA draws other orders.
                np.testing.assert_allclose(
                    weights, optimizer.weigh(gramian), rtol=1e-3
                )

    @parameterized.parameters(
        ("cagrad", {"c": -0.1}, "c=-0.1: expected 0 or more"),
        ("gradvac", {"beta": 1.5}, "beta=1.5: expected from 0 to 1"),
    )
    def test_refuses_bad_arguments(self, name, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message):
            aggregators.AGGREGATORS[name](keras.optimizers.SGD(), **arguments)


class TorchJDTest(parameterized.TestCase):
    @parameterized.parameters(
        *itertools.product(
            (
                "upgrad",
                "mgda",
                "imtl_g",
                "aligned_mtl",
                "pcgrad",
                "gradvac",
            ),
            ("independent", "conflicting"),
        )
    )
    def test_agrees(self, name, kind):
        try:
            torch = importlib.import_module("torch")
            aggregation = importlib.import_module("torchjd.aggregation")
        except ImportError:
            self.skipTest("torchjd is not installed: nothing to agree with")
        peers = {
            "upgrad": aggregation.UPGrad(),
            "mgda": aggregation.MGDA(epsilon=1e-12, max_iters=100_000),
            "imtl_g": aggregation.IMTLG(),
            "aligned_mtl": aggregation.AlignedMTL(),
            "pcgrad": aggregation.PCGrad(),
            "gradvac": aggregation.GradVac(),
        }
        # Two tasks leave no choice of orders, which are random in both.
        projects = name in ("pcgrad", "gradvac")
        tasks = 2 if projects else 5
        matrix = task_matrices.make(kind, tasks)
        optimizer = aggregators.AGGREGATORS[name](
            keras.optimizers.SGD(1.0),
            # What it adds up are projections one by one.
            reduction="sum" if projects else "mean",
        )
        optimizer.build([keras.Variable(0.0)])
        update = optimizer.weigh(task_matrices.gramian(matrix)).numpy() @ matrix
        expected = peers[name](torch.tensor(matrix)).numpy()
        np.testing.assert_allclose(
            update, expected, atol=float(1e-3 * np.linalg.norm(expected))
        )


if __name__ == "__main__":
    absltest.main()

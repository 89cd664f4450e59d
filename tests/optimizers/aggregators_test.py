"""All methods: properties, and agreement with TorchJD.

For the latter TFMETA_PEER_PYTHON names an interpreter that has TorchJD:

    ./bazelw test --test_env=TFMETA_PEER_PYTHON=/opt/peers/bin/python \
        //tests/optimizers:aggregators_test
"""

import itertools
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import task_matrices, torchjd_worker
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
        gramian = task_matrices.gramian(
            task_matrices.make("agreeing", 5), tf.float32
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


_PEER_PYTHON = os.environ.get("TFMETA_PEER_PYTHON", sys.executable)
# Two tasks leave no choice of orders, which are random in both.
_TORCHJD_TASKS = {
    "upgrad": 5,
    "mgda": 5,
    "imtl_g": 5,
    "aligned_mtl": 5,
    "pcgrad": 2,
    "gradvac": 2,
}
_TORCHJD_CASES = tuple(
    itertools.product(_TORCHJD_TASKS, ("independent", "conflicting"))
)


class TorchJDTest(parameterized.TestCase):
    updates: dict[str, np.ndarray] = {}
    missing = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            matrices = pathlib.Path(folder, "matrices.npz")
            updates = pathlib.Path(folder, "updates.npz")
            np.savez(
                matrices,
                **{
                    f"{name}.{kind}": cls._matrix(name, kind)
                    for name, kind in _TORCHJD_CASES
                },
            )
            done = subprocess.run(
                # -P: what lies beside the script shall not be imported.
                [
                    _PEER_PYTHON,
                    "-P",
                    torchjd_worker.__file__,
                    str(matrices),
                    str(updates),
                ],
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode == torchjd_worker.MISSING:
                cls.missing = done.stderr.strip()
            elif done.returncode:
                raise RuntimeError(done.stderr)
            else:
                with np.load(updates, allow_pickle=False) as arrays:
                    cls.updates = dict(arrays)

    @staticmethod
    def _matrix(name, kind):
        return task_matrices.make(kind, _TORCHJD_TASKS[name])

    @parameterized.parameters(*_TORCHJD_CASES)
    def test_agrees(self, name, kind):
        if self.missing:
            self.skipTest(
                f"TorchJD under {_PEER_PYTHON} (TFMETA_PEER_PYTHON names "
                f"another interpreter): {self.missing}"
            )
        matrix = self._matrix(name, kind)
        optimizer = aggregators.AGGREGATORS[name](
            keras.optimizers.SGD(1.0),
            # What these two add up are projections one by one.
            reduction="sum" if name in ("pcgrad", "gradvac") else "mean",
        )
        optimizer.build([keras.Variable(0.0)])
        update = optimizer.weigh(task_matrices.gramian(matrix)).numpy() @ matrix
        expected = self.updates[f"{name}.{kind}"]
        np.testing.assert_allclose(
            update, expected, atol=float(1e-3 * np.linalg.norm(expected))
        )


if __name__ == "__main__":
    absltest.main()

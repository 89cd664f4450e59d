"""The statistics of conflicting gradients, and their callback."""

import pathlib
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized
from tensorflow.core.util import event_pb2

from tfmeta import errors, training
from tfmeta.multitask import multi_task_model
from tfmeta.optimizers import linear_scalarization, pcgrad
from tfmeta.training import conflict_monitor


def _pair(first, second):
    """Returns the statistics of one pair of gradients."""
    jacobian = np.array([first, second], np.float64)
    statistics = conflict_monitor.conflict_statistics(jacobian @ jacobian.T)
    return [float(values[0, 1]) for values in statistics]


class ConflictStatisticsTest(parameterized.TestCase):
    @parameterized.named_parameters(
        # cosine, Phi, xi = (1 - cos^2) |g1 - g2|^2 / |g1 + g2|^2.
        ("equal", (1, 2), (1, 2), 1.0, 1.0, 0.0),
        ("orthogonal", (3, 0), (0, 4), 0.0, 24 / 25, 1.0),
        ("conflicting", (1, 0), (-1, 1), -(0.5**0.5), 8**0.5 / 3, 2.5),
        # The formula has 0 / 0 here: the largest value near it.
        ("opposite", (1, 0), (-1, 0), -1.0, 1.0, 4.0),
        ("opposite_unlike", (1, 0), (-2, 0), -1.0, 4 / 5, 0.0),
        ("one_zero", (1, 0), (0, 0), 0.0, 0.0, 1.0),
        ("both_zero", (0, 0), (0, 0), 0.0, 0.0, 1.0),
    )
    def test_of_two(self, first, second, cosine, similarity, bound):
        np.testing.assert_allclose(
            _pair(first, second), (cosine, similarity, bound), atol=1e-12
        )

    def test_scale_changes_cosines_and_bounds_of_alike_gradients_not(self):
        rng = np.random.default_rng(0)
        first, second = rng.normal(size=(2, 5))
        np.testing.assert_allclose(
            _pair(first, second), _pair(1e3 * first, 1e3 * second), rtol=1e-9
        )

    def test_bounds_are_bounded(self):
        rng = np.random.default_rng(0)
        first = rng.normal(size=(10_000, 3))
        # Down to angles that single precision does not tell from pi.
        noise = 10 ** rng.uniform(-9, 1, (10_000, 1))
        second = -first + noise * rng.normal(size=(10_000, 3))
        jacobians = np.stack([first, second], 1).astype(np.float32)
        cosines, _, bounds = (
            values[:, 0, 1]
            for values in conflict_monitor.conflict_statistics(
                jacobians @ np.swapaxes(jacobians, 1, 2)
            )
        )
        self.assertGreaterEqual(bounds.min(), 0)
        conflicts = cosines < 0
        self.assertLess(
            np.max(bounds[conflicts] / (1 - cosines[conflicts]) ** 2), 1 + 1e-9
        )
        self.assertLess(bounds[~conflicts].max(), 1 + 1e-9)

    def test_many_gramians_at_once(self):
        jacobians = np.random.default_rng(0).normal(size=(6, 4, 3))
        gramians = jacobians @ np.swapaxes(jacobians, 1, 2)
        together = conflict_monitor.conflict_statistics(gramians)
        for number, gramian in enumerate(gramians):
            for one, all_ in zip(
                conflict_monitor.conflict_statistics(gramian),
                together,
                strict=True,
            ):
                np.testing.assert_allclose(one, all_[number])


def _model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", name="trunk"
    )(inputs)
    # The outputs are the trunk's own.
    outputs = {
        name: keras.layers.Identity(name=name)(hidden) for name in ("a", "b")
    }
    return multi_task_model.MultiTaskModel(inputs, outputs)


class ConflictMonitorTest(absltest.TestCase):
    def test_reports_what_the_gradients_are(self):
        model = _model()
        model.compile(
            linear_scalarization.LinearScalarization(keras.optimizers.SGD(0.0)),
            loss="mse",
        )
        x = np.eye(2, dtype=np.float32)
        # With the kernel at zero the gradients are -(y x) times 1.
        history = model.fit(
            x,
            {"a": np.array([[1.0], [0.0]]), "b": np.array([[-1.0], [1.0]])},
            epochs=2,
            verbose=0,
            callbacks=[training.ConflictMonitor()],
        )
        expected = {
            "conflicting_pairs": 1.0,
            "gradient_cosine": -(0.5**0.5),
            "magnitude_similarity": 8**0.5 / 3,
            "curvature_bound": 2.5,
            "condition_a": 0.0,  # -0.71 is above -0.94.
            "condition_b": 0.0,
        }
        for name, value in expected.items():
            np.testing.assert_allclose(
                history.history[name], [value] * 2, rtol=1e-6
            )

    def test_counts_conditions_among_conflicting_pairs(self):
        # Gradients of four tasks, in two steps: the targets times -1.
        steps = np.array(
            [
                # Only the first two conflict: cosine -1 and Phi .2, xi 0.
                [[1, 0, 0], [-10, 0, 0], [0, 1, 0], [0, 0, 1]],
                # So do the first two, (a) and (b) failing, and the third and
                # fourth, both holding: cosine -.6, Phi .20, xi .81.
                [[1, 0, 0], [-1, 1, 0], [0, 0, 1], [0, 8, -6]],
            ],
            np.float32,
        )
        optimizer = linear_scalarization.LinearScalarization("sgd")
        optimizer.build([keras.Variable(np.zeros(3))])
        monitor = training.ConflictMonitor()
        monitor.set_model(mock.Mock(optimizer=optimizer, last_curvature=None))
        monitor.on_train_begin()
        monitor.on_epoch_begin(0)
        for jacobian in (*steps, np.full((4, 3), np.inf)):
            gramian = jacobian @ jacobian.T
            # A loss scale lets infinite gradients pass to its own optimizer.
            optimizer.last_gramian.assign(gramian)
            monitor.on_train_batch_end(0)
        logs = {"loss": 1.0}
        monitor.on_epoch_end(0, logs)
        statistics = conflict_monitor.conflict_statistics(
            steps @ np.swapaxes(steps, 1, 2)
        )
        np.testing.assert_allclose(logs["conflicting_pairs"], 3 / 12)
        np.testing.assert_allclose(
            monitor.cosines, np.mean(statistics.cosines, 0)
        )
        conflicts = np.triu(statistics.cosines) < 0
        np.testing.assert_allclose(
            logs["curvature_bound"],
            np.mean(statistics.curvature_bounds[conflicts]),
        )
        self.assertEqual(logs["condition_a"], 2 / 3)
        self.assertEqual(logs["condition_b"], 2 / 3)
        monitor.on_epoch_begin(1)
        optimizer.last_gramian.assign(np.eye(4))
        monitor.on_train_batch_end(0)
        monitor.on_epoch_end(1, logs)
        self.assertEqual(logs["conflicting_pairs"], 0)
        self.assertTrue(np.isnan(logs["condition_a"]))

    def test_reaches_tensorboard(self):
        model = _model()
        model.compile(pcgrad.PCGrad("sgd"), loss="mse", measure_curvature=True)
        folder = self.create_tempdir().full_path
        history = model.fit(
            np.eye(2),
            {"a": np.eye(2)[:, :1], "b": -np.eye(2)[:, :1]},
            epochs=2,
            verbose=0,
            callbacks=[
                training.ConflictMonitor(),
                keras.callbacks.TensorBoard(folder, write_graph=False),
            ],
        ).history
        written: dict[str, dict[int, np.ndarray]] = {}
        for file in pathlib.Path(folder, "train").iterdir():
            for record in tf.data.TFRecordDataset(str(file)):
                event = event_pb2.Event.FromString(record.numpy())
                for value in event.summary.value:
                    number = tf.make_ndarray(value.tensor)
                    written.setdefault(value.tag, {})[event.step] = number
        for name in (
            "conflicting_pairs",
            "gradient_cosine",
            "magnitude_similarity",
            "curvature_bound",
            "condition_a",
            "condition_b",
            "curvature",
        ):
            np.testing.assert_allclose(
                [written[f"epoch_{name}"][step] for step in range(2)],
                history[name],
                rtol=1e-6,
            )

    def test_refuses_an_optimizer_without_a_gramian(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        with self.assertRaisesRegex(errors.InputError, "got SGD"):
            model.fit(
                np.ones((2, 1)),
                np.ones((2, 1)),
                verbose=0,
                callbacks=[training.ConflictMonitor()],
            )

    def test_reads_a_surgery_too(self):
        model = _model()
        model.compile(pcgrad.PCGrad("sgd"), loss="mse")
        history = model.fit(
            np.eye(2),
            {"a": np.eye(2)[:, :1], "b": -np.eye(2)[:, :1]},
            verbose=0,
            callbacks=[training.ConflictMonitor()],
        )
        self.assertAlmostEqual(history.history["gradient_cosine"][0], -1.0)


if __name__ == "__main__":
    absltest.main()

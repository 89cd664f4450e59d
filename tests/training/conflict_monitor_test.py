"""The statistics of conflicting gradients, and their callback."""

import keras
import numpy as np
from absl.testing import absltest, parameterized

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
        ("opposite", (1, 0), (-1, 0), -1.0, 1.0, np.inf),
        ("one_zero", (1, 0), (0, 0), 0.0, 0.0, 1.0),
        ("both_zero", (0, 0), (0, 0), 0.0, 0.0, np.inf),
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
        }
        for name, value in expected.items():
            np.testing.assert_allclose(
                history.history[name], [value] * 2, rtol=1e-6
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

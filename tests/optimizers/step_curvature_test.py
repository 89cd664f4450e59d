"""Curvature along steps, beside closed forms."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import training
from tfmeta.multitask import multi_task_model
from tfmeta.optimizers import linear_scalarization, pcgrad, step_curvature

_WEIGHTS = {"a": 0.5, "b": 3.0}


class QuadraticTest(absltest.TestCase):
    def test_is_exact(self):
        rng = np.random.default_rng(0)
        factor = rng.normal(size=(10, 10))
        hessian = factor + factor.T  # With negative eigenvalues, too.
        linear = rng.normal(size=10)
        values, step = rng.normal(size=(2, 10)).astype(np.float32)
        variables = [
            keras.Variable(values[:6].reshape(2, 3)),
            keras.Variable(values[6:]),
            keras.Variable(np.ones(2, np.float32)),
        ]

        def loss(theta):
            return tf.constant(
                theta @ hessian @ theta / 2 + linear @ theta, tf.float32
            )

        gradient = tf.constant(hessian @ values + linear, tf.float32)
        meter = step_curvature.StepCurvature()
        self.assertTrue(np.all(np.isnan(meter.last)))
        under_way = meter.start(
            variables,
            loss(values),
            [tf.reshape(gradient[:6], (2, 3)), gradient[6:], None],
        )
        variables[0].assign_add(step[:6].reshape(2, 3))
        variables[1].assign_add(step[6:])
        under_way.finish(loss(values + step))
        expected = step @ hessian @ step
        np.testing.assert_allclose(
            meter.last, (expected, expected / (step @ step)), rtol=1e-4
        )


def _data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 3)).astype(np.float32)
    return x, {
        name: rng.normal(size=(12, 1)).astype(np.float32) for name in "ab"
    }


def _model(dropout=0.0, regularizer=None):
    """Returns a model whose losses are quadratic in its one variable."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dropout(dropout, seed=1)(inputs)
    hidden = keras.layers.Dense(
        1, use_bias=False, kernel_regularizer=regularizer
    )(hidden)
    outputs = {name: keras.layers.Identity(name=name)(hidden) for name in "ab"}
    return multi_task_model.MultiTaskModel(inputs, outputs)


def _fit(model, **kwargs):
    x, y = _data()
    return model.fit(x, y, batch_size=12, verbose=0, **kwargs).history


class MultiTaskModelTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("surgery", lambda: pcgrad.PCGrad(keras.optimizers.SGD(0.1)), {}),
        (
            "sum_with_momentum_under_xla",
            lambda: linear_scalarization.LinearScalarization(
                keras.optimizers.Adam(0.1)
            ),
            {"jit_compile": True},
        ),
        (
            "in_parts_with_a_loss_scale",
            lambda: pcgrad.PCGrad(
                keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
            ),
            {"gradient_parts": 2},
        ),
    )
    def test_is_exact_where_the_tasks_losses_are_quadratic(
        self, optimizer, arguments
    ):
        # The regularizer moves the step, and is no task's loss.
        model = _model(regularizer=keras.regularizers.L2(0.1))
        model.compile(
            optimizer(),
            "mse",
            loss_weights=_WEIGHTS,
            measure_curvature=True,
            **arguments,
        )
        x, _ = _data()
        hessian = sum(_WEIGHTS.values()) * 2 * x.T @ x / len(x)
        for _ in range(3):
            (before,) = (v.numpy()[:, 0] for v in model.trainable_variables)
            history = _fit(model, callbacks=[training.ConflictMonitor()])
            (after,) = (v.numpy()[:, 0] for v in model.trainable_variables)
            step = after - before
            expected = step @ hessian @ step
            np.testing.assert_allclose(
                history["curvature"], [expected], rtol=1e-3
            )
            np.testing.assert_allclose(
                history["directional_sharpness"],
                [expected / (step @ step)],
                rtol=1e-3,
            )

    def test_noise_is_the_same_before_and_after(self):
        model = _model(dropout=0.5)
        model.compile(keras.optimizers.SGD(0.0), "mse", measure_curvature=True)
        _fit(model)
        curvature, sharpness = model.last_curvature.numpy()
        self.assertEqual(curvature, 0)
        self.assertTrue(np.isnan(sharpness))

    def test_training_is_the_same(self):
        models = []
        for measure in (False, True):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((3,))
            hidden = keras.layers.Dense(8)(inputs)
            hidden = keras.layers.BatchNormalization()(hidden)
            hidden = keras.layers.Dropout(0.3, seed=1)(hidden)
            outputs = {
                name: keras.layers.Dense(1, name=name)(hidden) for name in "ab"
            }
            model = multi_task_model.MultiTaskModel(inputs, outputs)
            model.compile(
                pcgrad.PCGrad(keras.optimizers.Adam(0.1)),
                "mse",
                measure_curvature=measure,
            )
            _fit(model, epochs=3)
            models.append(model)
        for one, other in zip(*(m.variables for m in models), strict=True):
            np.testing.assert_array_equal(one, other)
        self.assertIsNone(models[0].last_curvature)

    def test_a_restored_file_measures_on(self):
        model = _model()
        model.compile("sgd", "mse", measure_curvature=True)
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        for either in (model, loaded):
            _fit(either)
        np.testing.assert_array_equal(
            model.last_curvature, loaded.last_curvature
        )


if __name__ == "__main__":
    absltest.main()

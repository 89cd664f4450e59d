"""LLAMA against exact posteriors, Hessians and finite differences."""

import math

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.learners import finite_differences
from tfmeta import errors, layers
from tfmeta.learners import llama, maml

_FEATURES, _WAYS, _SUPPORT, _QUERIES = 4, 3, 6, 5
_NOISE, _PRECISION = 0.8, 2.0


def setUpModule():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


@keras.saving.register_keras_serializable("tfmeta_test")
def _gaussian_loss(y, predictions):
    return tf.reduce_mean(
        (y - predictions) ** 2 / (2 * _NOISE**2)
        + 0.5 * math.log(2 * math.pi * _NOISE**2)
    )


def _cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _classification(seed=0, tasks=2, support=_SUPPORT):
    rng = np.random.default_rng(seed)
    return (
        tf.constant(rng.normal(size=(tasks, support, _FEATURES))),
        tf.constant(rng.integers(_WAYS, size=(tasks, support)), tf.int32),
        tf.constant(rng.normal(size=(tasks, _QUERIES, _FEATURES))),
        tf.constant(rng.integers(_WAYS, size=(tasks, _QUERIES)), tf.int32),
    )


def _network(encoder=None):
    inputs = keras.Input((_FEATURES,))
    hidden = (encoder or keras.layers.Dense(5, name="encoder"))(inputs)
    hidden = keras.layers.Activation("tanh")(hidden)
    return keras.Model(inputs, keras.layers.Dense(_WAYS, name="head")(hidden))


def _compiled(network=None, kind=llama.LLAMA, **kwargs):
    learner = kind(network or _network(), inner_learning_rate=0.2, **kwargs)
    learner.compile("sgd", _cross_entropy())
    return learner


class LinearModelTest(parameterized.TestCase):
    """Bayesian linear regression, whose posterior is known exactly."""

    def _regression(self, support, **kwargs):
        rng = np.random.default_rng(1)
        x = rng.normal(size=(support, _FEATURES))
        y = rng.normal(size=(support, 1))
        inputs = keras.Input((_FEATURES,))
        learner = llama.LLAMA(
            keras.Model(inputs, keras.layers.Dense(1)(inputs)),
            prior_precision=_PRECISION,
            inner_learning_rate=0.15,
            test_inner_steps=2000,
            **kwargs,
        )
        learner.compile("sgd", _gaussian_loss)
        start = rng.normal(size=_FEATURES + 1)
        learner.network.set_weights([start[:-1, None], start[-1:]])
        design = np.hstack([x, np.ones((support, 1))])
        precision = (
            _PRECISION * np.eye(_FEATURES + 1) + design.T @ design / _NOISE**2
        )
        mean = np.linalg.solve(
            precision, _PRECISION * start + design.T @ y[:, 0] / _NOISE**2
        )
        of_y = _NOISE**2 * np.eye(support) + design @ design.T / _PRECISION
        residual = y[:, 0] - design @ start
        evidence = -0.5 * (
            residual @ np.linalg.solve(of_y, residual)
            + np.linalg.slogdet(2 * np.pi * of_y)[1]
        )
        return learner, x, y, mean, precision, evidence

    @parameterized.named_parameters(("fewer_outputs", 3), ("fewer_weights", 12))
    def test_posterior_and_evidence_are_exact(self, support):
        learner, x, y, mean, precision, evidence = self._regression(support)
        posterior = tf.function(learner.posterior)(x, y)
        np.testing.assert_allclose(posterior.mean, mean, rtol=1e-9)
        np.testing.assert_allclose(posterior.precision(), precision, rtol=1e-12)
        np.testing.assert_allclose(
            posterior.log_determinant(),
            np.linalg.slogdet(precision / _PRECISION)[1],
            rtol=1e-12,
        )
        np.testing.assert_allclose(
            tf.function(learner.log_evidence)(x, y), evidence, rtol=1e-9
        )

    @parameterized.named_parameters(("fewer_outputs", 3), ("fewer_weights", 12))
    def test_draws_are_of_the_posterior(self, support):
        learner, x, y, mean, precision, _ = self._regression(support)
        draws = tf.function(learner.posterior)(x, y).draw(
            40000, tf.constant([1, 2])
        )
        # Whitened, they have unit covariance.
        white = (draws - mean) @ np.linalg.cholesky(precision)
        np.testing.assert_allclose(np.mean(white, 0), 0, atol=0.02)
        np.testing.assert_allclose(
            np.cov(white, rowvar=False), np.eye(_FEATURES + 1), atol=0.03
        )

    def test_predictions_are_averaged_over_draws(self):
        learner, x, y, mean, *_ = self._regression(12, test_draws=2000)
        query = np.eye(_FEATURES)
        design = np.hstack([query, np.ones((_FEATURES, 1))])
        predictions = learner.predict_adapted(
            tf.function(learner.adapt)(x, y), query
        )
        np.testing.assert_allclose(predictions[:, 0], design @ mean, atol=0.02)


class CurvatureTest(parameterized.TestCase):
    def test_of_a_head_is_the_hessian(self):
        learner = _compiled(adapted="head", prior_precision=1.5)
        x, y = (values[0] for values in _classification()[:2])
        posterior = learner.posterior(x, y)
        features = learner.network.layers[1](x)
        features = tf.tanh(features)
        mean = tf.convert_to_tensor(posterior.mean)
        with tf.GradientTape() as outer:
            outer.watch(mean)
            with tf.GradientTape() as inner:
                inner.watch(mean)
                # Keras lists a kernel before its bias.
                kernel = tf.reshape(mean[: 5 * _WAYS], (5, _WAYS))
                logits = features @ kernel + mean[5 * _WAYS :]
                loss = _SUPPORT * _cross_entropy()(y, logits)
            gradient = inner.gradient(loss, mean)
        hessian = outer.jacobian(gradient, mean)
        np.testing.assert_allclose(
            posterior.precision(),
            hessian + 1.5 * np.eye(len(mean)),
            rtol=1e-10,
            atol=1e-12,
        )
        np.testing.assert_allclose(
            posterior.log_determinant(),
            np.linalg.slogdet(np.eye(len(mean)) + hessian / 1.5)[1],
            rtol=1e-10,
        )

    def test_class_probabilities_are_averaged(self):
        learner = _compiled(adapted="head", test_draws=3, seed=5)
        x, y, query_x, _ = (values[0] for values in _classification())
        averaged = learner.predict_adapted(learner.adapt(x, y), query_x)
        posterior = learner.posterior(x, y)
        features = tf.tanh(learner.network.layers[1](query_x))
        expected = np.mean(
            [
                tf.nn.softmax(
                    features @ tf.reshape(draw[: 5 * _WAYS], (5, _WAYS))
                    + draw[5 * _WAYS :]
                )
                for draw in posterior.draw(3, tf.constant([5, 0]))
            ],
            axis=0,
        )
        np.testing.assert_allclose(np.exp(averaged), expected, rtol=1e-10)


class MetaGradientTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("head", {"adapted": "head"}, None),
        ("head_two_steps", {"adapted": "head", "inner_steps": 2}, None),
        ("everything", {"inner_steps": 3}, None),
        ("mapped", {"inner_steps": 2, "mapping": "map"}, None),
        (
            "variational_encoder",
            {"adapted": "head", "inner_steps": 2},
            lambda: layers.DenseReparameterization(
                5,
                kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=0.3),
                name="encoder",
            ),
        ),
    )
    def test_finite_differences(self, kwargs, build_encoder):
        keras.utils.set_random_seed(1)
        learner = _compiled(
            _network(build_encoder and build_encoder()),
            prior_precision=1.5,
            curvature_weight=0.7,
            **kwargs,
        )
        finite_differences.check_task_gradients(
            learner, _classification(support=_SUPPORT)
        )

    def test_without_curvature_a_step_is_that_of_maml(self):
        keras.utils.set_random_seed(1)
        network = _network()
        ours, theirs = (
            _compiled(network, kind, **kwargs).task_gradients(_classification())
            for kind, kwargs in (
                (llama.LLAMA, {"curvature_weight": 0.0}),
                (maml.MAML, {}),
            )
        )
        np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-12)
        for gradients in zip(ours.gradients, theirs.gradients, strict=True):
            np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-12)


class KerasModelTest(parameterized.TestCase):
    def test_saved_and_exported_it_predicts_the_same(self):
        keras.utils.set_random_seed(2)
        learner = _compiled(
            adapted="head",
            inner_steps=2,
            prior_precision=3.0,
            curvature_weight=0.01,
            test_draws=4,
            learned_inner_rate="shared",
        )
        dataset = tf.data.Dataset.from_tensors(_classification()).repeat(3)
        learner.fit(dataset, verbose=0, shuffle=False)
        folder = self.create_tempdir().full_path
        learner.save(f"{folder}/learner.keras")
        loaded = keras.saving.load_model(f"{folder}/learner.keras")
        self.assertIsInstance(loaded, llama.LLAMA)
        ours, theirs = learner.get_config(), loaded.get_config()
        del ours["network"], theirs["network"]
        self.assertEqual(ours, theirs)
        expected = learner(_classification()[:3])
        np.testing.assert_allclose(
            loaded(_classification()[:3]), expected, rtol=1e-9
        )
        learner.export(f"{folder}/exported")
        exported = tf.saved_model.load(f"{folder}/exported")
        support_x, support_y, query_x = (v[0] for v in _classification()[:3])
        predictions = exported.signatures["serving_default"](
            support_x=support_x, support_y=support_y, query_x=query_x
        )["predictions"]
        np.testing.assert_allclose(predictions, expected[0], rtol=1e-9)

    def test_the_term_is_reported(self):
        learner = _compiled(adapted="head", curvature_weight=0.5)
        step = learner.task_gradients(_classification())
        x, y = (values[0] for values in _classification()[:2])
        np.testing.assert_allclose(
            step.outputs.regularization[0],
            0.5 * learner.posterior(x, y).log_determinant(),
            rtol=1e-9,
        )

    def test_steps_that_diverge(self):
        learner = _compiled(prior_precision=60.0)
        with self.assertRaisesRegex(
            errors.InputError,
            "prior_precision=60.0: .* 60, .*=0.2 on 6 support",
        ):
            learner.task_gradients(_classification())

    @parameterized.named_parameters(
        ("precision_zero", {"prior_precision": 0.0}, "prior_precision=0.0"),
        ("precision_nan", {"prior_precision": math.nan}, "prior_precision=nan"),
        ("weight", {"curvature_weight": -1.0}, "curvature_weight=-1.0"),
        ("draws", {"test_draws": -1}, "test_draws=-1"),
        ("of_maml", {"inner_steps": 0}, "inner_steps=0"),
    )
    def test_bad_input(self, kwargs, message):
        with self.assertRaisesRegex(errors.InputError, message):
            llama.LLAMA(_network(), **kwargs)


if __name__ == "__main__":
    absltest.main()

"""Posteriors, priors and divergences against TFP's and closed forms."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.variational import posteriors

_SHAPE = (40, 50)


def _make(function, dtype=tf.float32, initialize=True):
    """Returns the distribution that a function makes, and its variables."""
    variables = {}

    def add_variable(name, shape, initializer, dtype, trainable, **_):
        del trainable
        values = initializer(shape, dtype) if initialize else tf.zeros(shape)
        variables[name] = tf.Variable(tf.cast(values, dtype))
        return variables[name]

    return function(dtype, _SHAPE, "weight", True, add_variable), variables


class MeanFieldNormalTest(parameterized.TestCase):
    @parameterized.parameters(tf.float32, tf.float64)
    def test_defaults_are_those_of_tfp(self, dtype):
        ours, variables = _make(posteriors.MeanFieldNormal(), dtype)
        theirs, their_variables = _make(
            tfp.layers.default_mean_field_normal_fn(), dtype
        )
        self.assertEqual(list(variables), list(their_variables))
        for name, variable in variables.items():
            # 2000 values each: the errors are below .0023 and .0016.
            other = their_variables[name].numpy()
            with self.subTest(name):
                self.assertAlmostEqual(
                    variable.numpy().mean(), other.mean(), delta=0.015
                )
                self.assertAlmostEqual(
                    variable.numpy().std(), other.std(), delta=0.01
                )
                variable.assign(other)
        ours = _remake(posteriors.MeanFieldNormal(), dtype, variables)
        np.testing.assert_array_equal(ours.mean(), theirs.mean())
        np.testing.assert_array_equal(ours.stddev(), theirs.stddev())
        self.assertEqual(ours.event_shape, theirs.event_shape)
        self.assertEqual(ours.dtype, dtype)

    def test_singular_posterior_is_a_point(self):
        posterior, variables = _make(
            posteriors.MeanFieldNormal(is_singular=True)
        )
        self.assertEqual(list(variables), ["weight_loc"])
        np.testing.assert_array_equal(
            posterior.sample(), variables["weight_loc"]
        )

    @parameterized.parameters(1e-6, 0.05, 1.0, 1000.0)
    def test_initial_scale(self, scale):
        posterior, _ = _make(posteriors.MeanFieldNormal(initial_scale=scale))
        np.testing.assert_allclose(posterior.stddev(), scale, rtol=0.2)
        if scale > 1e-3:
            np.testing.assert_allclose(posterior.stddev(), scale, rtol=1e-5)

    def test_loc_initializer(self):
        for initializer in ("ones", keras.initializers.Constant(1.0)):
            posterior, _ = _make(posteriors.MeanFieldNormal(initializer))
            np.testing.assert_array_equal(posterior.mean(), np.ones(_SHAPE))

    def test_the_scale_is_never_zero(self):
        posterior, variables = _make(posteriors.MeanFieldNormal())
        variables["weight_untransformed_scale"].assign(tf.fill(_SHAPE, -1e4))
        posterior = _remake(posteriors.MeanFieldNormal(), tf.float32, variables)
        self.assertGreater(posterior.stddev().numpy().min(), 0.0)


class NormalPriorTest(parameterized.TestCase):
    @parameterized.parameters(tf.float32, tf.float64)
    def test_default_is_that_of_tfp(self, dtype):
        ours, variables = _make(posteriors.NormalPrior(), dtype)
        theirs, _ = _make(tfp.layers.default_multivariate_normal_fn, dtype)
        self.assertEmpty(variables)
        self.assertEqual(ours.event_shape, theirs.event_shape)
        values = tf.random.stateless_normal(_SHAPE, (1, 2), dtype=dtype)
        np.testing.assert_array_equal(
            ours.log_prob(values), theirs.log_prob(values)
        )

    def test_scale(self):
        prior, _ = _make(posteriors.NormalPrior(scale=2.5))
        np.testing.assert_array_equal(prior.stddev(), np.full(_SHAPE, 2.5))


class KLDivergenceTest(absltest.TestCase):
    def test_closed_form(self):
        posterior, _ = _make(
            posteriors.MeanFieldNormal("glorot_uniform"), tf.float64
        )
        prior, _ = _make(posteriors.NormalPrior(scale=0.5), tf.float64)
        mean, scale = posterior.mean().numpy(), posterior.stddev().numpy()
        expected = np.sum(
            np.log(0.5 / scale) + (scale**2 + mean**2) / (2 * 0.5**2) - 0.5
        )
        np.testing.assert_allclose(
            posteriors.KLDivergence(weight=0.3)(posterior, prior, None),
            0.3 * expected,
            rtol=1e-10,
        )


class ConfigurationTest(parameterized.TestCase):
    @parameterized.parameters(
        posteriors.MeanFieldNormal(),
        posteriors.MeanFieldNormal("glorot_uniform", 0.05),
        posteriors.MeanFieldNormal(keras.initializers.RandomNormal(0.2, 0.1)),
        posteriors.MeanFieldNormal(is_singular=True),
        posteriors.NormalPrior(3.0),
        posteriors.KLDivergence(1e-5),
    )
    def test_round_trip(self, function):
        rebuilt = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(function)
        )
        self.assertIs(type(rebuilt), type(function))
        self.assertEqual(rebuilt.get_config(), function.get_config())

    @parameterized.parameters(0.0, -1.0, float("nan"))
    def test_scales_are_positive(self, scale):
        with self.assertRaisesRegex(
            errors.InputError, f"initial_scale={scale}"
        ):
            posteriors.MeanFieldNormal(initial_scale=scale)
        with self.assertRaisesRegex(errors.InputError, f"scale={scale}"):
            posteriors.NormalPrior(scale)

    @parameterized.parameters(-1.0, float("nan"))
    def test_weights_are_not_negative(self, weight):
        with self.assertRaisesRegex(errors.InputError, f"weight={weight}"):
            posteriors.KLDivergence(weight)


def _remake(function, dtype, variables):
    """Calls a function again, as a layer does at each pass."""
    return function(
        dtype, _SHAPE, "weight", True, lambda name, **_: variables[name]
    )


if __name__ == "__main__":
    absltest.main()

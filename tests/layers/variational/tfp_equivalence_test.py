"""Each variational layer against its `tfp.layers` original.

The originals are of tf_keras and always draw, from TensorFlow's global seed:
what is compared are distributions. All outputs here are linear in normal
weights, so that their moments are known in closed form, too.
"""

import functools

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from absl.testing import absltest, parameterized

from tests.layers.variational import variational_cases
from tfmeta.layers.variational import posteriors

_DRAWS = 4000
# How many standard errors a mean of draws may be off. There are some hundred
# comparisons, all from fixed seeds.
_ERRORS = 5


def _original(name, case, layer, **kwargs):
    """Returns TFP's layer with the weights of ours."""
    original = getattr(tfp.layers, name)(**case.make.keywords, **kwargs)
    original.build(case.input_shape)
    original.set_weights(layer.get_weights())
    return original


def _draws(step):
    """Stacks the results of many calls of `step`, each with its own draw."""
    tf.random.set_seed(3)

    @tf.function
    def run():
        signature = tf.nest.map_structure(
            lambda value: tf.TensorSpec(value.shape, value.dtype), step()
        )
        return tf.map_fn(
            lambda _: step(), tf.range(_DRAWS), fn_output_signature=signature
        )

    return [draws.numpy() for draws in run()]


def _outputs_and_gradients(call, weights):
    """Returns the outputs and the gradient of a loss, quadratic in them."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        outputs = call()
        loss = tf.reduce_sum(tf.square(outputs - 1))
    return [outputs, *tape.gradient(loss, weights)]


def _drawn_by_tfp(name, case, layer):
    original = _original(name, case, layer)
    inputs = tf.constant(case.inputs())
    return _draws(
        lambda: _outputs_and_gradients(
            lambda: original(inputs), original.trainable_variables
        )
    )


def _drawn_by_ours(case, layer):
    inputs = tf.constant(case.inputs())
    return _draws(
        lambda: _outputs_and_gradients(
            lambda: layer(inputs, training=True),
            [v.value for v in layer.trainable_variables],
        )
    )


def _closed_form(case, layer):
    """Returns mean and variance of the outputs, gradient of the mean loss."""
    weights = [v.value for v in layer.trainable_variables]
    loc, untransformed_scale, bias = weights
    inputs = tf.constant(case.inputs())
    with tf.GradientTape() as tape:
        tape.watch(weights)
        scale = tf.nn.softplus(untransformed_scale)
        mean = case.multiply(inputs, loc) + bias
        variance = case.multiply(tf.square(inputs), tf.square(scale))
        loss = tf.reduce_sum(tf.square(mean - 1) + variance)
    return mean, variance, tape.gradient(loss, weights)


def _covariance(draws):
    flat = draws.reshape(len(draws), -1)
    return np.cov(flat, rowvar=False)


class EquivalenceTest(parameterized.TestCase):
    def _assert_same_mean(self, draws, expected, expected_draws=None):
        """Compares means over draws within their standard errors."""
        variance = draws.var(0)
        if expected_draws is not None:
            expected = expected_draws.mean(0)
            variance = variance + expected_draws.var(0)
        bound = _ERRORS * np.sqrt(variance / len(draws)) + 1e-6
        np.testing.assert_array_less(np.abs(draws.mean(0) - expected), bound)

    @parameterized.parameters(*variational_cases.CASES)
    def test_same_outputs_and_gradients_in_distribution(self, name):
        case = variational_cases.CASES[name]
        layer = case.build()
        ours, *gradients = _drawn_by_ours(case, layer)
        theirs, *their_gradients = _drawn_by_tfp(name, case, layer)
        mean, variance, mean_gradients = _closed_form(case, layer)

        with self.subTest("mean of the outputs"):
            self._assert_same_mean(ours, mean.numpy())
            self._assert_same_mean(ours, None, theirs)
        with self.subTest("variance of the outputs"):
            error = np.sqrt(2 / _DRAWS) * variance
            np.testing.assert_array_less(
                np.abs(ours.var(0) - variance), _ERRORS * error
            )
            np.testing.assert_array_less(
                np.abs(ours.var(0) - theirs.var(0)), _ERRORS * 2**0.5 * error
            )
        with self.subTest("covariance of outputs and of examples"):
            covariance = _covariance(theirs)
            deviation = np.sqrt(np.diag(covariance))
            # The fourth moment of a normal draw is 3; two means are compared.
            bound = np.sqrt(2 * 3 / _DRAWS) * np.outer(deviation, deviation)
            np.testing.assert_array_less(
                np.abs(_covariance(ours) - covariance), _ERRORS * bound
            )
        with self.subTest("gradient in expectation"):
            for drawn, expected, their_drawn in zip(
                gradients, mean_gradients, their_gradients, strict=True
            ):
                self._assert_same_mean(drawn, expected.numpy())
                self._assert_same_mean(drawn, None, their_drawn)

    @parameterized.parameters(*variational_cases.CASES)
    def test_examples_share_their_draw_where_tfp_shares_it(self, name):
        case = variational_cases.CASES[name]
        layer = case.build()
        original = _original(name, case, layer)
        # So many that their random signs cannot all be alike.
        copies = np.repeat(case.inputs()[:1], 50, axis=0)
        for outputs in (layer(copies, training=True), original(copies)):
            self.assertEqual(
                np.allclose(outputs, outputs[:1]), case.shares_draw
            )

    @parameterized.parameters("DenseFlipout", "Convolution2DFlipout")
    def test_flipout_has_signs_of_inputs_and_of_outputs(self, name):
        """Moments of the first two orders are the same without either."""
        case = variational_cases.CASES[name]
        layer = case.build()
        original = _original(name, case, layer)
        copies = np.repeat(case.inputs()[:1], 50, axis=0)
        one_channel = copies * np.eye(copies.shape[-1], dtype=np.float32)[0]
        for draw in (functools.partial(layer, training=True), original):

            def noise(inputs, draw=draw):
                """Returns the noise `[batch, units]`, at the first pixel."""
                difference = (draw(inputs) - layer(inputs)).numpy()
                return difference.reshape(
                    len(inputs), -1, difference.shape[-1]
                )[:, 0]

            with self.subTest("signs of inputs change the size of the noise"):
                size = np.abs(noise(copies))
                self.assertTrue((np.ptp(size, axis=0) > 1e-3).all())
            # With one channel they only change the sign of all outputs.
            alone = noise(one_channel)
            size = np.abs(alone)
            self.assertTrue((np.ptp(size, axis=0) < 1e-5).all())
            with self.subTest("signs of outputs are each unit's own"):
                self.assertSetEqual(
                    set(np.sign(alone[:, 0] * alone[:, 1])), {-1.0, 1.0}
                )

    @parameterized.parameters(*variational_cases.CASES)
    def test_same_divergence(self, name):
        case = variational_cases.CASES[name]
        layer = case.build(
            bias_posterior_fn=posteriors.MeanFieldNormal(),
            bias_prior_fn=posteriors.NormalPrior(),
        )
        original = _original(
            name,
            case,
            layer,
            bias_posterior_fn=tfp.layers.default_mean_field_normal_fn(),
            bias_prior_fn=tfp.layers.default_multivariate_normal_fn,
        )
        layer(case.inputs(), training=True)
        original(case.inputs())
        self.assertLen(layer.losses, 2)
        np.testing.assert_allclose(layer.losses, original.losses, rtol=1e-5)
        np.testing.assert_allclose(
            layer.losses[0],
            tfp.distributions.kl_divergence(
                layer.posterior("kernel"), layer.prior("kernel")
            ),
            rtol=1e-6,
        )

    @parameterized.parameters(*variational_cases.CASES)
    def test_same_names_and_shapes_of_weights(self, name):
        case = variational_cases.CASES[name]
        layer = case.build()
        original = _original(name, case, layer)
        self.assertEqual(
            [(v.name, tuple(v.shape)) for v in layer.trainable_variables],
            [
                (v.name.rpartition("/")[2].partition(":")[0], tuple(v.shape))
                for v in original.trainable_variables
            ],
        )

    @parameterized.parameters(*variational_cases.CASES)
    def test_takes_the_functions_of_tfp(self, name):
        case = variational_cases.CASES[name]
        functions = {
            "kernel_posterior_fn": tfp.layers.default_mean_field_normal_fn(),
            "kernel_posterior_tensor_fn": lambda posterior: posterior.mean(),
            "kernel_prior_fn": tfp.layers.default_multivariate_normal_fn,
            "kernel_divergence_fn": lambda posterior, prior, _: (
                0.5 * tfp.distributions.kl_divergence(posterior, prior)
            ),
            "bias_posterior_fn": tfp.layers.default_mean_field_normal_fn(),
            "bias_posterior_tensor_fn": lambda posterior: posterior.mode(),
        }
        layer = case.build(**functions)
        original = _original(name, case, layer, **functions)
        np.testing.assert_allclose(
            layer(case.inputs(), training=True),
            original(case.inputs()),
            rtol=1e-5,
            atol=1e-6,
        )
        np.testing.assert_allclose(layer.losses, original.losses, rtol=1e-5)


if __name__ == "__main__":
    absltest.main()

"""The stochastic bottleneck: moments, divergence, seeds, derivatives."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.variational import stochastic_bottleneck

_UNITS, _BATCH, _FEATURES = 3, 4, 5


def _inputs(dtype=np.float32):
    rng = np.random.default_rng(0)
    return rng.normal(size=(_BATCH, _FEATURES)).astype(dtype)


def _build(**kwargs):
    layer = stochastic_bottleneck.StochasticBottleneck(_UNITS, seed=2, **kwargs)
    layer.build((None, _FEATURES))
    rng = np.random.default_rng(1)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return layer


def _moments(layer, inputs):
    """Returns mu and sigma, computed from the layer's weights alone."""
    kernel, bias, scale_kernel, scale_bias = layer.get_weights()
    mean = inputs @ kernel + bias
    return mean, np.log1p(np.exp(inputs @ scale_kernel + scale_bias))


def _call(layer, inputs, seed_state, weights=None, training=True):
    return layer.stateless_call(
        weights or [v.value for v in layer.trainable_variables],
        [tf.cast(seed_state, tf.int64)],
        inputs,
        training=training,
        return_losses=True,
    )


class StochasticBottleneckTest(parameterized.TestCase):
    def test_is_the_mean_at_inference(self):
        layer = _build()
        mean, _ = _moments(layer, _inputs())
        np.testing.assert_allclose(layer(_inputs()), mean, rtol=1e-5, atol=1e-6)

    def test_moments_of_the_draws(self):
        layer, draws = _build(), 20_000
        mean, scale = _moments(layer, _inputs())
        repeated = np.tile(_inputs(), (draws, 1))
        outputs = layer(repeated, training=True).numpy()
        outputs = outputs.reshape(draws, _BATCH, _UNITS)
        np.testing.assert_array_less(
            np.abs(outputs.mean(0) - mean), 5 * scale / np.sqrt(draws)
        )
        np.testing.assert_array_less(
            np.abs(outputs.var(0) / scale**2 - 1), 5 * np.sqrt(2 / draws)
        )
        with self.subTest("examples and units are drawn apart"):
            correlation = np.corrcoef(
                outputs.reshape(draws, -1), rowvar=False
            ) - np.eye(_BATCH * _UNITS)
            self.assertLess(np.abs(correlation).max(), 5 / np.sqrt(draws))

    @parameterized.parameters(True, False)
    def test_divergence_is_averaged_over_examples_and_units(self, training):
        layer = _build(divergence_weight=0.3)
        layer(_inputs(), training=training)
        mean, scale = _moments(layer, _inputs())
        normal = tfp.distributions.Normal
        divergence = tfp.distributions.kl_divergence(
            normal(mean, scale), normal(0.0, 1.0)
        )
        self.assertLen(layer.losses, 1)
        np.testing.assert_allclose(
            layer.losses[0], 0.3 * np.mean(divergence), rtol=1e-5
        )

    def test_divergence_is_finite_where_the_scale_vanishes(self):
        layer = _build()
        weights = [v.value for v in layer.trainable_variables]
        weights[3] = tf.fill(weights[3].shape, -1e3)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            (loss,) = _call(layer, _inputs(), [1, 2], weights)[2]
        for gradient in [loss, *tape.gradient(loss, weights)]:
            self.assertTrue(np.isfinite(gradient).all())

    def test_a_draw_is_a_seed(self):
        layer = _build()
        first, states, _ = _call(layer, _inputs(), [3, 4])
        repeated, _, _ = _call(layer, _inputs(), [3, 4])
        following, _, _ = _call(layer, _inputs(), states[0])
        np.testing.assert_array_equal(first, repeated)
        self.assertGreater(np.abs(first - following).min(), 1e-4)

    def test_only_training_moves_the_seed_state(self):
        layer = _build()
        (state,) = layer.non_trainable_variables
        self.assertEqual(state.name, "seed_generator_state")
        start = state.numpy()
        layer(_inputs())
        np.testing.assert_array_equal(state.numpy(), start)
        layer(_inputs(), training=True)
        self.assertFalse(np.array_equal(state.numpy(), start))

    def test_the_two_ways_to_map_over_tasks_agree(self):
        layer = _build()
        weights = [tf.convert_to_tensor(v) for v in layer.trainable_variables]

        def gradient(seed_state):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                outputs, _, losses = _call(
                    layer, _inputs(), seed_state, weights
                )
                loss = tf.reduce_sum(tf.exp(outputs)) + sum(losses)
            return tape.gradient(loss, weights)

        states = tf.constant([[1, 2], [3, 4], [5, 6]])
        signature = [tf.TensorSpec(w.shape) for w in weights]
        mapped = tf.function(
            lambda: tf.map_fn(gradient, states, fn_output_signature=signature)
        )()
        vectorized = tf.function(lambda: tf.vectorized_map(gradient, states))()
        for one, other in zip(mapped, vectorized, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)

    def test_second_derivatives_in_float64(self):
        layer, inputs = _build(dtype="float64"), _inputs(np.float64)
        weights = [v.value for v in layer.trainable_variables]
        rng = np.random.default_rng(3)
        direction = [rng.normal(size=w.shape) for w in weights]

        def slope(distance):
            """Returns the derivative of the loss along `direction`."""
            values = [
                w + distance * d
                for w, d in zip(weights, direction, strict=True)
            ]
            with tf.GradientTape() as tape:
                tape.watch(values)
                outputs, _, losses = _call(layer, inputs, [1, 2], values)
                loss = tf.reduce_sum(tf.exp(outputs)) + sum(losses)
            return sum(
                tf.reduce_sum(g * d)
                for g, d in zip(
                    tape.gradient(loss, values), direction, strict=True
                )
            )

        distance = tf.constant(0.0, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(distance)
            value = slope(distance)
        self.assertEqual(value.dtype, tf.float64)
        np.testing.assert_allclose(
            tape.gradient(value, distance),
            (slope(1e-5) - slope(-1e-5)) / 2e-5,
            rtol=1e-7,
        )

    def test_mixed_bfloat16_keeps_weights_and_divergence_wide(self):
        layer, full = _build(dtype="mixed_bfloat16"), _build()
        outputs = layer(_inputs(), training=True)
        self.assertEqual(outputs.dtype, tf.bfloat16)
        for variable in layer.trainable_variables:
            self.assertEqual(variable.dtype, "float32")
        full(_inputs(), training=True)
        self.assertEqual(layer.losses[0].dtype, tf.float32)
        np.testing.assert_allclose(layer.losses[0], full.losses[0], rtol=0.05)

    def test_saves_and_loads(self):
        layer = _build(divergence_weight=0.2)
        model = keras.Sequential([keras.Input((_FEATURES,)), layer])
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        self.assertEqual(loaded.layers[-1].get_config(), layer.get_config())
        for training in (False, True):
            np.testing.assert_array_equal(
                loaded(_inputs(), training=training),
                model(_inputs(), training=training),
            )
            np.testing.assert_array_equal(loaded.losses, model.losses)

    def test_a_dear_divergence_leaves_no_information(self):
        """With a large beta, training makes z the same for all inputs."""
        keras.utils.set_random_seed(0)
        layer = stochastic_bottleneck.StochasticBottleneck(
            _UNITS, divergence_weight=100.0
        )
        model = keras.Sequential(
            [keras.Input((_FEATURES,)), layer, keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = np.random.default_rng(0).normal(size=(512, _FEATURES))
        model.fit(x, x[:, :1], batch_size=8, epochs=4, verbose=0)
        mean, scale = _moments(layer, x)
        self.assertLess(np.abs(mean).max(), 0.1)
        np.testing.assert_allclose(scale, 1.0, atol=0.1)

    @parameterized.parameters(-1.0, float("nan"))
    def test_the_weight_is_not_negative(self, weight):
        with self.assertRaisesRegex(
            errors.InputError, f"divergence_weight={weight}"
        ):
            stochastic_bottleneck.StochasticBottleneck(2, weight)


if __name__ == "__main__":
    absltest.main()

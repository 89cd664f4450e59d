"""What all variational layers do as Keras layers."""

import functools

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from absl.testing import absltest, parameterized

from tests.layers.variational import variational_cases
from tfmeta import errors
from tfmeta.layers.variational import conv, dense, posteriors

_each_layer = parameterized.named_parameters(*variational_cases.CASES.items())


def _call(layer, inputs, seed_state, weights=None, training=True):
    """Runs a layer as a function of its weights and random state."""
    return layer.stateless_call(
        weights or [v.value for v in layer.trainable_variables],
        [tf.cast(seed_state, tf.int64)],
        inputs,
        training=training,
        return_losses=True,
    )


def _task_gradients(layer, inputs, seed_states, map_tasks):
    """Maps a gradient over tasks, each with its own draw."""
    weights = [tf.convert_to_tensor(v) for v in layer.trainable_variables]

    def gradient(seed_state):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs, _, losses = _call(layer, inputs, seed_state, weights)
            loss = tf.reduce_sum(tf.exp(outputs)) + sum(losses)
        return tape.gradient(loss, weights)

    return tf.function(lambda: map_tasks(gradient, seed_states))()


class DrawTest(parameterized.TestCase):
    @_each_layer
    def test_a_draw_is_a_seed(self, case):
        layer = case.build()
        inputs = case.inputs()
        first, states, _ = _call(layer, inputs, [3, 4])
        repeated, _, _ = _call(layer, inputs, [3, 4])
        following, _, _ = _call(layer, inputs, states[0])
        np.testing.assert_array_equal(first, repeated)
        self.assertGreater(np.abs(first - following).min(), 1e-4)

    @_each_layer
    def test_the_seed_state_is_the_one_variable_that_moves(self, case):
        layer = case.build()
        (state,) = layer.non_trainable_variables
        self.assertEqual(state.name, "seed_generator_state")
        inputs = case.inputs()
        start = state.numpy()
        in_inference = layer(inputs)
        np.testing.assert_array_equal(state.numpy(), start)
        first = layer(inputs, training=True)
        one_on = keras.random.SeedGenerator(11)
        one_on.next()
        np.testing.assert_array_equal(state.numpy(), one_on.state.numpy())
        second = layer(inputs, training=True)
        self.assertGreater(np.abs(first - second).min(), 1e-4)
        self.assertGreater(np.abs(first - in_inference).min(), 1e-4)

    @_each_layer
    def test_the_seed_argument_fixes_the_draws(self, case):
        np.testing.assert_array_equal(
            case.build()(case.inputs(), training=True),
            case.build()(case.inputs(), training=True),
        )

    @_each_layer
    def test_kernel_and_bias_are_drawn_apart(self, case):
        normal = posteriors.MeanFieldNormal(initial_scale=1.0)
        layer = case.make(
            kernel_posterior_fn=normal, bias_posterior_fn=normal, seed=1
        )
        layer.build(case.input_shape)
        kernel_seed, bias_seed = layer._seeds(training=True)
        self.assertFalse(np.array_equal(kernel_seed, bias_seed))

    @_each_layer
    def test_the_two_ways_to_map_over_tasks_agree(self, case):
        layer = case.build()
        seed_states = tf.constant([[1, 2], [3, 4], [5, 6]])
        weights = layer.trainable_variables
        map_fn = functools.partial(
            tf.map_fn,
            fn_output_signature=[tf.TensorSpec(v.shape) for v in weights],
        )
        mapped = _task_gradients(layer, case.inputs(), seed_states, map_fn)
        vectorized = _task_gradients(
            layer, case.inputs(), seed_states, tf.vectorized_map
        )
        for one, other in zip(mapped, vectorized, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        self.assertGreater(np.abs(mapped[0][0] - mapped[0][1]).max(), 1e-3)


class InferenceTest(parameterized.TestCase):
    @_each_layer
    def test_uses_the_mean_of_the_posterior(self, case):
        layer = case.build(activation="tanh")
        twin = case.twin(activation="tanh")
        twin.build(case.input_shape)
        loc, _, bias = layer.get_weights()
        twin.set_weights([loc, bias])
        inputs = case.inputs()
        for kwargs in ({}, {"training": False}):
            np.testing.assert_allclose(
                layer(inputs, **kwargs), twin(inputs), rtol=1e-5, atol=1e-6
            )

    @parameterized.parameters(
        dict(strides=(2, 1), padding="SAME"),
        dict(strides=1, padding="valid", dilation_rate=2),
        dict(strides=2, padding="valid", data_format="channels_last"),
        dict(kernel_size=(1, 3), padding="same", dilation_rate=(1, 2)),
    )
    def test_convolutions_are_those_of_keras(self, **shape):
        shape = {"filters": 3, "kernel_size": 3} | shape
        inputs = np.random.default_rng(0).normal(size=(2, 7, 8, 4))
        twin = keras.layers.Conv2D(
            **shape | {"padding": shape["padding"].lower()}, use_bias=False
        )
        expected = twin(inputs)
        for make in (
            conv.Conv2DReparameterization,
            conv.Conv2DFlipout,
        ):
            layer = make(**shape, bias_posterior_fn=None)
            layer.build(inputs.shape)
            layer.trainable_variables[0].assign(twin.kernel)
            np.testing.assert_allclose(
                layer(inputs), expected, rtol=1e-5, atol=1e-5
            )
            drawn = layer(inputs, training=True)
            self.assertEqual(drawn.shape, expected.shape)

    @parameterized.parameters(
        dense.DenseReparameterization,
        dense.DenseLocalReparameterization,
        dense.DenseFlipout,
    )
    def test_dense_layers_take_sequences(self, make):
        inputs = np.random.default_rng(0).normal(size=(2, 5, 3))
        layer = make(4)
        outputs = layer(inputs)
        loc, _, bias = layer.get_weights()
        np.testing.assert_allclose(
            outputs, inputs @ loc + bias, rtol=1e-5, atol=1e-6
        )
        self.assertEqual(layer(inputs, training=True).shape, (2, 5, 4))


class DivergenceTest(parameterized.TestCase):
    @_each_layer
    def test_is_in_the_losses_at_each_call(self, case):
        layer = case.build(
            kernel_divergence_fn=posteriors.KLDivergence(weight=0.01)
        )
        divergence = 0.01 * tfp.distributions.kl_divergence(
            layer.posterior("kernel"), layer.prior("kernel")
        )
        for training in (True, False):
            layer(case.inputs(), training=training)
            self.assertLen(layer.losses, 1)
            np.testing.assert_allclose(layer.losses[0], divergence, rtol=1e-6)
            losses = _call(layer, case.inputs(), [1, 2], training=training)[2]
            self.assertLen(losses, 1)
            np.testing.assert_allclose(losses[0], divergence, rtol=1e-6)

    @_each_layer
    def test_counts_once_in_a_pass_that_calls_the_layer_twice(self, case):
        layer = case.build()
        divergence = tfp.distributions.kl_divergence(
            layer.posterior("kernel"), layer.prior("kernel")
        )
        inputs = [keras.Input(case.input_shape[1:]) for _ in range(2)]
        model = keras.Model(inputs, [layer(each) for each in inputs])
        for _ in range(2):
            model([case.inputs()] * 2, training=True)
            self.assertLen(model.losses, 1)
            np.testing.assert_allclose(model.losses[0], divergence, rtol=1e-6)
        *_, losses = model.stateless_call(
            model.trainable_variables,
            model.non_trainable_variables,
            [case.inputs()] * 2,
            return_losses=True,
        )
        self.assertLen(losses, 1)

    @parameterized.product(
        argument=("kernel_prior_fn", "kernel_divergence_fn"),
        name=tuple(variational_cases.CASES),
    )
    def test_without_prior_or_divergence_there_is_none(self, argument, name):
        case = variational_cases.CASES[name]
        layer = case.build(**{argument: None})
        layer(case.inputs(), training=True)
        self.assertEmpty(layer.losses)

    @_each_layer
    def test_without_posterior_there_is_no_bias(self, case):
        layer = case.build(bias_posterior_fn=None)
        layer(case.inputs(), training=True)
        self.assertLen(layer.trainable_variables, 2)


class DerivativesTest(parameterized.TestCase):
    @_each_layer
    def test_second_derivatives_in_float64(self, case):
        layer = case.build(dtype="float64")
        inputs = tf.constant(case.inputs(np.float64))
        weights = [v.value for v in layer.trainable_variables]
        rng = np.random.default_rng(1)
        direction = [rng.normal(size=w.shape) for w in weights]

        def gradient(values):
            with tf.GradientTape() as tape:
                tape.watch(values)
                outputs, _, losses = _call(layer, inputs, [1, 2], values)
                loss = tf.reduce_sum(tf.exp(outputs)) + sum(losses)
            return tape.gradient(loss, values)

        def at(distance):
            return [
                w + distance * d
                for w, d in zip(weights, direction, strict=True)
            ]

        with tf.GradientTape() as tape:
            tape.watch(weights)
            slope = sum(
                tf.reduce_sum(g * d)
                for g, d in zip(gradient(weights), direction, strict=True)
            )
        step = 1e-5
        for product, above, below in zip(
            tape.gradient(slope, weights),
            gradient(at(step)),
            gradient(at(-step)),
            strict=True,
        ):
            expected = (above - below) / (2 * step)
            self.assertLess(
                np.linalg.norm(product - expected),
                1e-7 * np.linalg.norm(expected),
            )

    def test_local_reparameterization_at_inputs_of_zero(self):
        case = variational_cases.CASES["DenseLocalReparameterization"]
        layer = case.build()
        weights = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(weights)
            with tf.GradientTape() as tape:
                tape.watch(weights)
                outputs = _call(layer, tf.zeros((2, 3)), [1, 2], weights)[0]
                loss = tf.reduce_sum(tf.square(outputs))
            gradients = tape.gradient(loss, weights)
            norm = sum(tf.reduce_sum(tf.square(g)) for g in gradients)
        np.testing.assert_array_equal(outputs, layer(tf.zeros((2, 3))))
        for gradient in gradients + outer.gradient(
            norm, weights, unconnected_gradients="zero"
        ):
            self.assertTrue(np.isfinite(gradient).all())

    @_each_layer
    def test_mixed_bfloat16_keeps_weights_and_divergence_wide(self, case):
        layer = case.build(dtype="mixed_bfloat16")
        full = case.build()
        inputs = case.inputs()
        outputs = layer(inputs, training=True)
        full(inputs, training=True)
        self.assertEqual(outputs.dtype, tf.bfloat16)
        for variable in layer.trainable_variables:
            self.assertEqual(variable.dtype, "float32")
        self.assertEqual(layer.losses[0].dtype, tf.float32)
        np.testing.assert_array_equal(layer.losses, full.losses)
        np.testing.assert_allclose(
            tf.cast(layer(inputs), tf.float32), full(inputs), atol=0.1
        )

    def test_a_kernel_is_drawn_wide_and_then_narrowed(self):
        case = variational_cases.CASES["DenseReparameterization"]
        inputs = case.inputs()
        narrow = case.build(dtype="mixed_bfloat16")(inputs, training=True)
        np.testing.assert_allclose(
            tf.cast(narrow, tf.float32),
            case.build()(inputs, training=True),
            atol=0.1,
        )


class KerasTest(parameterized.TestCase):
    @_each_layer
    def test_saves_and_loads(self, case):
        layer = case.make(
            activation="relu",
            activity_regularizer=keras.regularizers.L2(0.1),
            kernel_posterior_fn=posteriors.MeanFieldNormal(
                loc_initializer="glorot_uniform", initial_scale=0.3
            ),
            kernel_prior_fn=posteriors.NormalPrior(scale=2.0),
            kernel_divergence_fn=posteriors.KLDivergence(weight=0.1),
            bias_posterior_fn=posteriors.MeanFieldNormal(),
            bias_prior_fn=tfp.layers.default_multivariate_normal_fn,
            seed=4,
        )
        inputs = keras.Input(case.input_shape[1:])
        model = keras.Model(inputs, layer(inputs))
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        with keras.saving.custom_object_scope(
            {
                "default_multivariate_normal_fn": (
                    tfp.layers.default_multivariate_normal_fn
                )
            }
        ):
            loaded = keras.models.load_model(path)
        self.assertEqual(loaded.layers[-1].get_config(), layer.get_config())
        for training in (False, True):
            np.testing.assert_array_equal(
                loaded(case.inputs(), training=training),
                model(case.inputs(), training=training),
            )
            np.testing.assert_array_equal(loaded.losses, model.losses)

    @_each_layer
    def test_fit_moves_mean_and_scale(self, case):
        keras.utils.set_random_seed(0)
        inputs = keras.Input(case.input_shape[1:])
        layer = case.make()
        outputs = keras.layers.Flatten()(layer(inputs))
        model = keras.Model(inputs, keras.layers.Dense(1)(outputs))
        model.compile(keras.optimizers.Adam(0.01), "mse")
        before = layer.get_weights()
        x = np.random.default_rng(0).normal(size=(64, *case.input_shape[1:]))
        history = model.fit(x, x.reshape(64, -1)[:, :1], epochs=8, verbose=0)
        for old, new in zip(before, layer.get_weights(), strict=True):
            self.assertTrue((old != new).all())
        self.assertLess(history.history["loss"][-1], history.history["loss"][0])

    def test_fit_widens_a_posterior_that_has_only_its_prior(self):
        layer = dense.DenseFlipout(2, bias_posterior_fn=None)
        model = keras.Sequential([keras.Input((3,)), layer])
        model.compile(keras.optimizers.Adam(0.1), lambda y, p: 0.0 * p)
        model.fit(np.ones((150, 3)), np.ones((150, 2)), batch_size=1, verbose=0)
        posterior = layer.posterior("kernel")
        np.testing.assert_allclose(posterior.stddev(), 1.0, atol=0.05)
        np.testing.assert_allclose(posterior.mean(), 0.0, atol=0.05)

    @_each_layer
    def test_a_frozen_layer_can_be_freed(self, case):
        layer = case.make(trainable=False)
        model = keras.Sequential([keras.Input(case.input_shape[1:]), layer])
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        np.testing.assert_array_equal(
            loaded(case.inputs()), model(case.inputs())
        )
        for each in (layer, loaded.layers[-1]):
            self.assertEmpty(each.trainable_variables)
            each.trainable = True
            self.assertEqual(
                [variable.name for variable in each.trainable_variables],
                [v.name for v in case.build().trainable_variables],
            )

    def test_layers_that_share_a_posterior_function_start_apart(self):
        for kwargs in (
            {},
            {
                "kernel_posterior_fn": posteriors.MeanFieldNormal(
                    "glorot_uniform"
                )
            },
        ):
            layers = [
                dense.DenseReparameterization(3, **kwargs) for _ in range(2)
            ]
            for layer in layers:
                layer.build((None, 3))
            for one, other in zip(
                layers[0].get_weights(), layers[1].get_weights(), strict=True
            ):
                self.assertFalse(np.isclose(one, other).any())

    def test_the_global_seed_fixes_the_weights(self):
        def weights():
            keras.utils.set_random_seed(5)
            layer = dense.DenseReparameterization(3)
            layer.build((None, 3))
            return layer.get_weights()

        for one, other in zip(weights(), weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_tfp_layers_train_nothing_in_a_keras_3_model(self):
        """The reason for these layers (tensorflow/probability issue 2006)."""

        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = tfp.layers.DenseReparameterization(2)

            def call(self, inputs):
                return self.dense(inputs)

        network = Network()
        network(tf.ones((1, 3)))
        self.assertLen(network.dense.trainable_variables, 3)
        tracked = len(network.trainable_variables) + len(network.losses)
        self.assertEqual(
            tracked,
            0,
            "Keras 3 now tracks tfp.layers: the layers of tfmeta that bear the "
            "same names may go",
        )


class BadInputTest(parameterized.TestCase):
    @parameterized.parameters(
        dict(data_format="channels_first", message="data_format='channels_f"),
        dict(padding="causal", message="padding='causal'"),
        dict(padding=None, message="padding=None"),
        dict(filters=0, message="filters=0"),
        dict(filters=2.5, message="filters=2.5"),
        dict(kernel_size=(3, 0), message=r"kernel_size=\(3, 0\)"),
        dict(kernel_size=(3, 3, 3), message=r"kernel_size=\(3, 3, 3\)"),
        dict(strides="same", message="strides='same'"),
        dict(dilation_rate=-1, message="dilation_rate=-1"),
        dict(strides=2, dilation_rate=2, message="dilation_rate=2.*strides=2"),
    )
    def test_convolution(self, message, **kwargs):
        with self.assertRaisesRegex(errors.InputError, message):
            conv.Conv2DFlipout(**{"filters": 2, "kernel_size": 3} | kwargs)

    @parameterized.parameters(0, -1, 2.5, None)
    def test_units(self, units):
        with self.assertRaisesRegex(errors.InputError, f"units={units}"):
            dense.DenseFlipout(units)

    @parameterized.parameters(
        "DenseFlipout", "DenseLocalReparameterization", "Convolution2DFlipout"
    )
    def test_a_kernel_that_is_not_normal(self, name):
        case = variational_cases.CASES[name]
        layer = case.make(
            kernel_posterior_fn=posteriors.MeanFieldNormal(is_singular=True)
        )
        with self.assertRaisesRegex(errors.InputError, "kernel_posterior_fn"):
            layer(case.inputs(), training=True)

    def test_functions_that_cannot_be_saved(self):
        for function in (
            lambda posterior: posterior.mean(),
            tfp.layers.default_mean_field_normal_fn(),
        ):
            layer = dense.DenseFlipout(2, kernel_posterior_tensor_fn=function)
            with self.assertRaisesRegex(
                errors.InputError, "kernel_posterior_tensor_fn: .*cannot be"
            ):
                layer.get_config()

    @_each_layer
    def test_inputs_of_another_shape(self, case):
        layer = case.build()
        with self.assertRaisesRegex(ValueError, "expected axis -1"):
            layer(np.zeros((*case.input_shape[:-1], 7), np.float32))


if __name__ == "__main__":
    absltest.main()

"""Variational layers that are given posteriors or draws."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.layers.variational import variational_cases
from tfmeta import errors
from tfmeta.layers.variational import dense, given_weights

_each_layer = parameterized.named_parameters(*variational_cases.CASES.items())
_INPUTS = np.ones((2, 3), np.float32)


class _CallsAsFunction(keras.Layer):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


class _CallsMethod(_CallsAsFunction):
    def call(self, inputs, training=False):
        return self.layer.call(inputs, training=training)


class _Network(keras.Layer):
    """Passes `given` on."""

    def __init__(self, first):
        super().__init__()
        self.first = first
        self._register_call_context_args("given")

    def call(self, inputs):
        return self.first(inputs)


def _perturbed(layer, by=0.3):
    """Returns a layer's posteriors with its variables changed."""
    variables = layer.trainable_variables
    with keras.StatelessScope([(v, v.value + by) for v in variables]):
        return layer.posteriors()


class GivenWeightsTest(parameterized.TestCase):
    @_each_layer
    def test_a_call_takes_the_posterior_that_it_is_given(self, case):
        layer, other = case.build(), case.build()
        for variable in other.trainable_variables:
            variable.assign_add(tf.fill(variable.shape, 0.3))
        given = given_weights.GivenWeights({layer: _perturbed(layer)})
        inputs = case.inputs()
        for training in (False, True):
            np.testing.assert_array_equal(
                layer(inputs, training=training, given=given),
                other(inputs, training=training),
            )

    @_each_layer
    def test_no_divergence_is_added_of_what_is_given(self, case):
        layer = case.build()
        layer(case.inputs(), training=True)
        self.assertLen(layer.losses, 1)
        given = given_weights.GivenWeights({layer: layer.posteriors()})
        layer(case.inputs(), training=True, given=given)
        self.assertEmpty(layer.losses)

    @_each_layer
    def test_gradients_go_to_what_is_given(self, case):
        layer = case.build()
        posteriors = layer.posteriors()
        loc = posteriors["kernel"].mean()
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(posteriors)
            outputs = layer(
                case.inputs(),
                training=True,
                given=given_weights.GivenWeights({layer: posteriors}),
            )
        parts = tf.nest.flatten(posteriors["kernel"], expand_composites=True)
        gradients = tape.gradient(outputs, parts)
        self.assertIn(loc.shape, [part.shape for part in gradients])
        self.assertEqual(
            tape.gradient(
                outputs, [v.value for v in layer.trainable_variables]
            ),
            [None] * len(layer.trainable_variables),
        )

    def test_a_given_draw_is_the_weight_of_all_calls(self):
        layer = dense.DenseReparameterization(2, seed=1)
        layer.build(_INPUTS.shape)
        draw = layer.draw_weights(tf.constant([3, 4]))
        given = given_weights.GivenWeights({layer: draw})
        expected = _INPUTS @ draw["kernel"] + draw["bias"]
        for _ in range(2):
            np.testing.assert_allclose(
                layer(_INPUTS, training=True, given=given), expected, rtol=1e-6
            )

    def test_what_is_not_given_is_the_layers_own(self):
        layer = dense.DenseReparameterization(2, seed=1)
        twin = dense.DenseReparameterization(2, seed=1)
        layer.build(_INPUTS.shape)
        twin.build(_INPUTS.shape)
        twin.set_weights(layer.get_weights())
        np.testing.assert_array_equal(
            layer(_INPUTS, training=True, given=given_weights.GivenWeights({})),
            twin(_INPUTS, training=True),
        )
        self.assertLen(layer.losses, 1)

    @parameterized.named_parameters(
        ("itself", lambda layer: layer),
        ("a_layer", _CallsAsFunction),
        ("a_sequence", lambda layer: keras.Sequential([layer])),
        (
            "nested_models",
            lambda layer: keras.Sequential(
                [keras.Sequential([_CallsAsFunction(layer)])]
            ),
        ),
        (
            "time_steps",
            lambda layer: keras.Sequential(
                [
                    keras.layers.Reshape((1, 3)),
                    keras.layers.TimeDistributed(keras.Sequential([layer])),
                    keras.layers.Flatten(),
                ]
            ),
        ),
    )
    def test_reaches_a_layer_within(self, wrap):
        layer = dense.DenseReparameterization(2)
        inputs = keras.Input((3,))
        model = keras.Model(inputs, wrap(layer)(inputs))
        network = _Network(model)
        given = given_weights.GivenWeights({layer: _perturbed(layer, by=3.0)})
        outputs = network(_INPUTS, given=given)
        given.check_reached(network)
        np.testing.assert_allclose(outputs, model(_INPUTS) + 3 * 4, rtol=1e-5)

    def test_a_layer_that_it_does_not_reach_is_named(self):
        layer = dense.DenseReparameterization(2, name="hidden")
        layer.build(_INPUTS.shape)
        network = _Network(_CallsMethod(layer))
        given = given_weights.GivenWeights({layer: layer.posteriors()})
        network(_INPUTS, given=given)
        with self.assertRaisesRegex(errors.InputError, "layer 'hidden' .*call"):
            given.check_reached(network)


if __name__ == "__main__":
    absltest.main()

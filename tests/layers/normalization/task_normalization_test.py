"""Task normalization: values, second derivatives, dtypes and saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.normalization import task_normalization

_LAYERS = (
    (
        "batch",
        task_normalization.TaskBatchNormalization,
        keras.layers.BatchNormalization,
    ),
    (
        "layer",
        task_normalization.TaskLayerNormalization,
        keras.layers.LayerNormalization,
    ),
)


def _inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(2.0, 3.0, shape)


def _randomize(layer, seed=1):
    rng = np.random.default_rng(seed)
    layer.gamma.assign(rng.normal(1.0, 0.3, layer.gamma.shape))
    layer.beta.assign(rng.normal(0.0, 0.3, layer.beta.shape))


def _loss(layer, inputs):
    """A smooth scalar of the outputs in which no example is like another."""
    outputs = layer(inputs, training=True)
    weights = np.sin(1.0 + np.arange(np.prod(outputs.shape)))
    return tf.reduce_mean(weights.reshape(outputs.shape) * tf.exp(outputs))


def _gradient(layer, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = _loss(layer, inputs)
    return tape.gradient(loss, inputs)


def _hessian_vector_product(layer, inputs, vector):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        slope = tf.reduce_sum(_gradient(layer, inputs) * vector)
    return tape.gradient(slope, inputs)


def _difference(function, inputs, vector, step=1e-5):
    """Central difference of `function` along `vector`."""
    return (
        function(inputs + step * vector) - function(inputs - step * vector)
    ) / (2 * step)


def _relative_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


class ValuesTest(parameterized.TestCase):
    @parameterized.named_parameters(*_LAYERS)
    def test_agrees_with_keras(self, ours, theirs):
        for shape in ((6, 5), (4, 3, 3, 5)):
            inputs = _inputs(*shape).astype(np.float32)
            layer, reference = ours(), theirs(epsilon=1e-3)
            layer.build(shape)
            reference.build(shape)
            _randomize(layer)
            _randomize(reference)
            np.testing.assert_allclose(
                layer(inputs), reference(inputs, training=True), atol=2e-5
            )

    @parameterized.named_parameters(*_LAYERS)
    def test_takes_another_axis(self, ours, theirs):
        inputs = _inputs(4, 5, 3).astype(np.float32)
        np.testing.assert_allclose(
            ours(axis=1)(inputs),
            theirs(axis=1, epsilon=1e-3)(inputs, training=True),
            atol=2e-5,
        )

    @parameterized.named_parameters(*_LAYERS)
    def test_without_center_and_scale_it_has_no_weights(self, ours, _):
        layer = ours(center=False, scale=False, epsilon=1e-9)
        outputs = layer(_inputs(200, 300)).numpy()
        self.assertEmpty(layer.variables)
        self.assertAlmostEqual(float(outputs.mean()), 0.0, places=5)
        self.assertAlmostEqual(float(outputs.std()), 1.0, places=5)

    def test_batch_statistics_are_those_at_hand_at_inference_too(self):
        layer = task_normalization.TaskBatchNormalization()
        inputs = _inputs(6, 5).astype(np.float32)
        in_training = layer(inputs, training=True)
        np.testing.assert_array_equal(
            layer(inputs, training=False), in_training
        )
        self.assertEmpty(layer.non_trainable_variables)
        with self.subTest("predictions are transductive"):
            self.assertGreater(
                np.abs(layer(inputs[:3]) - in_training[:3]).max(), 0.1
            )

    def test_layer_statistics_are_of_one_example(self):
        layer = task_normalization.TaskLayerNormalization()
        inputs = _inputs(6, 5).astype(np.float32)
        np.testing.assert_allclose(
            layer(inputs)[:3], layer(inputs[:3]), atol=1e-6
        )

    @parameterized.named_parameters(*_LAYERS)
    def test_an_offset_costs_no_precision(self, ours, _):
        inputs = _inputs(50, 20)
        layer = ours(dtype="float32")
        exact = ours(dtype="float64")
        np.testing.assert_allclose(
            layer((inputs + 1e3).astype(np.float32)),
            exact(inputs + 1e3),
            atol=2e-3,
        )

    @parameterized.named_parameters(*_LAYERS)
    def test_mixed_bfloat16_takes_moments_in_float32(self, ours, _):
        inputs = tf.cast(_inputs(400, 30), tf.bfloat16)
        layer = ours(dtype="mixed_bfloat16")
        outputs = layer(inputs)
        self.assertEqual(outputs.dtype, tf.bfloat16)
        self.assertEqual(layer.gamma.dtype, "float32")
        exact = ours(dtype="float64")(tf.cast(inputs, tf.float64))
        np.testing.assert_allclose(
            tf.cast(outputs, tf.float64), exact, rtol=2**-8, atol=1e-6
        )

    @parameterized.named_parameters(*_LAYERS)
    def test_takes_integers(self, ours, _):
        inputs = np.array([[0, 250, 7], [255, 3, 90]], np.uint8)
        np.testing.assert_array_equal(
            ours()(inputs), ours()(inputs.astype(np.float32))
        )

    @parameterized.named_parameters(*_LAYERS)
    def test_the_axis_has_to_be_of_known_size(self, ours, _):
        with self.assertRaisesRegex(errors.InputError, "axis=-1.*None"):
            ours().build((3, None))
        with self.assertRaisesRegex(errors.InputError, "axis=2"):
            ours(axis=2).build((3, 4))


class DerivativesTest(parameterized.TestCase):
    @parameterized.named_parameters(*_LAYERS)
    def test_first_and_second_derivatives(self, ours, _):
        for shape in ((5, 4), (3, 2, 2, 4)):
            inputs = tf.constant(_inputs(*shape))
            vector = tf.constant(_inputs(*shape, seed=3))
            layer = ours(dtype="float64")
            layer.build(shape)
            _randomize(layer)
            with self.subTest(shape=shape, order=1):
                np.testing.assert_allclose(
                    tf.reduce_sum(_gradient(layer, inputs) * vector),
                    _difference(lambda x: _loss(layer, x), inputs, vector),  # noqa: B023
                    rtol=1e-7,
                )
            with self.subTest(shape=shape, order=2):
                self.assertLess(
                    _relative_error(
                        _hessian_vector_product(layer, inputs, vector),
                        _difference(
                            lambda x: _gradient(layer, x),  # noqa: B023
                            inputs,
                            vector,
                        ),
                    ),
                    1e-7,
                )

    @parameterized.named_parameters(*_LAYERS)
    def test_keras_has_wrong_second_derivatives(self, _, theirs):
        """The reason why these layers exist.

        `tf.nn.moments` (tensorflow/python/ops/nn_impl.py) takes the variance
        about `stop_gradient(mean)`. The term that drops out of the first
        derivative is zero, but its derivative is not.
        """
        inputs = tf.constant(_inputs(5, 4))
        vector = tf.constant(_inputs(5, 4, seed=3))
        layer = theirs(dtype="float64", epsilon=1e-3)
        layer.build((5, 4))
        np.testing.assert_allclose(
            tf.reduce_sum(_gradient(layer, inputs) * vector),
            _difference(lambda x: _loss(layer, x), inputs, vector),
            rtol=1e-7,
        )
        error = _relative_error(
            _hessian_vector_product(layer, inputs, vector),
            _difference(lambda x: _gradient(layer, x), inputs, vector),
        )
        self.assertGreater(
            error,
            0.01,
            f"keras.layers.{theirs.__name__} now has right second derivatives: "
            "tfmeta.layers.task_normalization, and the learners' refusal of "
            "Keras' normalizations, may go",
        )


class SavingTest(parameterized.TestCase):
    @parameterized.named_parameters(*_LAYERS)
    def test_config_round_trip(self, ours, _):
        layer = ours(axis=1, epsilon=0.1, center=False, name="norm")
        rebuilt = ours.from_config(layer.get_config())
        self.assertEqual(rebuilt.get_config(), layer.get_config())

    @parameterized.named_parameters(*_LAYERS)
    def test_a_saved_model_loads_with_the_same_outputs(self, ours, _):
        model = keras.Sequential([keras.Input((5,)), ours(epsilon=0.1)])
        _randomize(model.layers[0])
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        inputs = _inputs(6, 5).astype(np.float32)
        np.testing.assert_array_equal(
            keras.models.load_model(path)(inputs), model(inputs)
        )


if __name__ == "__main__":
    absltest.main()

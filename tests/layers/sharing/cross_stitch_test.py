"""Cross-stitch units: what they share, dtypes, bad input and saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import cross_stitch


def _activations(*shape, tasks=3):
    rng = np.random.default_rng(0)
    return list(rng.normal(size=(tasks, *shape)).astype(np.float32))


class CrossStitchTest(parameterized.TestCase):
    @parameterized.parameters(True, False)
    def test_identity_leaves_the_networks_independent(self, per_channel):
        layer = cross_stitch.CrossStitch(own=1.0, per_channel=per_channel)
        inputs = _activations(4, 5, 5, 2)
        for output, given in zip(layer(inputs), inputs, strict=True):
            np.testing.assert_array_equal(output, given)

    def test_equal_weights_share_all(self):
        inputs = _activations(4, 2)
        for output in cross_stitch.CrossStitch(own=1 / 3)(inputs):
            np.testing.assert_allclose(output, np.mean(inputs, 0), rtol=1e-5)

    @parameterized.parameters((4, 2), (4, 6, 5, 2))
    def test_a_matrix_for_each_channel_is_equation_1(self, *shape):
        layer = cross_stitch.CrossStitch(per_channel=True)
        inputs = _activations(*shape)
        layer.build([given.shape for given in inputs])
        self.assertEqual(layer.alpha.shape, (3, 3, 2))
        np.testing.assert_allclose(tf.reduce_sum(layer.alpha, 1), 1, rtol=1e-6)
        alpha = np.random.default_rng(1).normal(size=(3, 3, 2))
        layer.alpha.assign(alpha)
        outputs = layer(inputs)
        for channel in range(2):
            for task in range(3):
                np.testing.assert_allclose(
                    outputs[task][..., channel],
                    sum(
                        alpha[task, other, channel]
                        * inputs[other][..., channel]
                        for other in range(3)
                    ),
                    rtol=1e-4,
                    atol=1e-5,
                )

    def test_a_task_reaches_another_by_alpha_alone(self):
        layer = cross_stitch.CrossStitch(own=0.7)
        inputs = [tf.constant(x) for x in _activations(4, 2)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs)[0])
        gradients = tape.gradient(loss, inputs)
        for gradient, weight in zip(gradients, (0.7, 0.15, 0.15), strict=True):
            np.testing.assert_allclose(gradient, weight, rtol=1e-6)

    def test_mixed_precision_computes_in_half(self):
        layer = cross_stitch.CrossStitch(dtype="mixed_bfloat16")
        self.assertEqual(layer(_activations(4, 2))[0].dtype, tf.bfloat16)
        self.assertEqual(layer.alpha.dtype, "float32")

    @parameterized.parameters(True, False)
    def test_saves_and_loads(self, per_channel):
        inputs = [keras.Input((5,)) for _ in range(3)]
        layer = cross_stitch.CrossStitch(own=0.5, per_channel=per_channel)
        model = keras.Model(inputs, layer(inputs))
        layer.alpha.assign(
            np.random.default_rng(1).normal(size=layer.alpha.shape)
        )
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        for one, other in zip(
            keras.models.load_model(path)(_activations(4, 5)),
            model(_activations(4, 5)),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)

    def test_bad_input_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, r"own=1\.5"):
            cross_stitch.CrossStitch(own=1.5)
        for shapes in ([(2, 3)], [(2, 3), (2, 4)], (2, 3)):
            with self.assertRaisesRegex(errors.InputError, "two or more"):
                cross_stitch.CrossStitch().build(shapes)


if __name__ == "__main__":
    absltest.main()

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import errors
from tfmeta.layers.sharing import routed_dense


class RoutedDenseTest(absltest.TestCase):
    def test_is_the_block_that_is_chosen(self):
        keras.utils.set_random_seed(0)
        layer = routed_dense.RoutedDense(4, 3, activation="tanh")
        inputs = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
        layer(inputs, tf.constant(0))
        layer.biases.assign(np.random.default_rng(1).normal(size=(3, 4)))
        for block in range(3):
            dense = keras.layers.Dense(4, activation="tanh")
            dense.build((None, 5))
            dense.set_weights([layer.kernels[block], layer.biases[block]])
            np.testing.assert_allclose(
                layer(inputs, tf.constant(block)), dense(inputs), rtol=1e-5
            )

    def test_blocks_start_apart_and_in_the_scale_of_one_layer(self):
        keras.utils.set_random_seed(0)
        layer = routed_dense.RoutedDense(200, 3)
        layer.build((None, 300))
        kernels = layer.kernels.numpy()
        np.testing.assert_allclose(
            kernels.std((1, 2)), np.sqrt(2 / 500), rtol=0.02
        )
        self.assertGreater(np.abs(kernels[0] - kernels[1]).max(), 0.01)

    def test_only_the_chosen_block_has_a_gradient(self):
        layer = routed_dense.RoutedDense(4, 3)
        inputs = tf.ones((6, 5))
        layer(inputs, tf.constant(0))

        @tf.function
        def gradients(decision):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(inputs, decision) ** 2)
            return [
                tf.convert_to_tensor(gradient)
                for gradient in tape.gradient(loss, layer.trainable_weights)
            ]

        for gradient in gradients(tf.constant(1)):
            self.assertGreater(np.abs(gradient[1]).max(), 0)
            np.testing.assert_array_equal(gradient[0], 0)
            np.testing.assert_array_equal(gradient[2], 0)

    def test_mixed_precision_computes_in_half(self):
        layer = routed_dense.RoutedDense(4, 3, dtype="mixed_bfloat16")
        self.assertEqual(
            layer(np.ones((2, 5)), tf.constant(1)).dtype, tf.bfloat16
        )
        self.assertEqual(layer.kernels.dtype, "float32")

    def test_bad_arguments_are_refused(self):
        with self.assertRaisesRegex(errors.InputError, "units=0"):
            routed_dense.RoutedDense(0, 1)
        with self.assertRaisesRegex(errors.InputError, "blocks=-1"):
            routed_dense.RoutedDense(1, -1)


if __name__ == "__main__":
    absltest.main()

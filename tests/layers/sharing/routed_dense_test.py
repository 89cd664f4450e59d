import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import routed_dense


class RoutedDenseTest(parameterized.TestCase):
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

    @parameterized.parameters((5,), (3, 2, 5))
    def test_each_example_has_the_block_that_is_chosen_for_it(self, *shape):
        keras.utils.set_random_seed(0)
        layer = routed_dense.RoutedDense(4, 3, activation="tanh")
        inputs = np.random.default_rng(0).normal(size=(6, *shape))
        inputs = inputs.astype(np.float32)
        decisions = tf.constant([2, 0, 2, 1, 0, 2])
        layer(inputs, decisions)
        layer.biases.assign(np.random.default_rng(1).normal(size=(3, 4)))
        with tf.GradientTape(persistent=True) as tape:
            together = layer(inputs, decisions)
            apart = tf.concat(
                [
                    layer(inputs[number : number + 1], decision)
                    for number, decision in enumerate(decisions)
                ],
                0,
            )
        np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-6)
        for one, other in zip(
            *(
                tape.gradient(outputs, layer.trainable_weights)
                for outputs in (together, apart)
            ),
            strict=True,
        ):
            np.testing.assert_allclose(
                tf.convert_to_tensor(one),
                tf.convert_to_tensor(other),
                rtol=1e-4,
                atol=1e-5,
            )

    def test_other_ranks_of_decisions_are_refused(self):
        layer = routed_dense.RoutedDense(4, 3)
        with self.assertRaisesRegex(errors.InputError, r"decision: .*\(6, 1\)"):
            layer(np.ones((6, 5)), tf.zeros((6, 1), tf.int32))

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
        for decision in (1, [0, 1]):
            self.assertEqual(
                layer(np.ones((2, 5)), tf.constant(decision)).dtype, tf.bfloat16
            )
        self.assertEqual(layer.kernels.dtype, "float32")

    def test_bad_arguments_are_refused(self):
        with self.assertRaisesRegex(errors.InputError, "units=0"):
            routed_dense.RoutedDense(0, 1)
        with self.assertRaisesRegex(errors.InputError, "blocks=-1"):
            routed_dense.RoutedDense(1, -1)


if __name__ == "__main__":
    absltest.main()

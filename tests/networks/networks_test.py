"""The shapes and names that learners rely on."""

import functools

import keras
import numpy as np
from absl.testing import absltest

from tfmeta import layers, networks


class NetworksTest(absltest.TestCase):
    def test_conv4_has_the_size_of_the_papers(self):
        network = networks.conv4(20)
        # 3x3 kernels, two numbers a channel for each norm, the linear head.
        kernels = 9 * (1 * 64 + 3 * 64 * 64)
        self.assertEqual(
            network.count_params(), kernels + 4 * 2 * 64 + (256 + 1) * 20
        )
        self.assertEqual(network.output_shape, (None, 20))
        self.assertEqual(network.get_layer("head").input.shape, (None, 256))

    def test_conv4_takes_other_convolutions_and_a_bottleneck(self):
        network = networks.conv4(
            5,
            input_shape=(16, 16, 3),
            filters=8,
            convolution=functools.partial(
                layers.Conv2DReparameterization, bias_posterior_fn=None
            ),
            bottleneck=layers.StochasticBottleneck(7),
        )
        network(np.zeros((2, 16, 16, 3), np.float32))
        self.assertLen(network.losses, 5)
        self.assertEqual(network.get_layer("head").input.shape, (None, 7))

    def test_mlp_is_a_stack_of_dense_layers(self):
        keras.utils.set_random_seed(0)
        network = networks.mlp(2, 3, hidden=[4, 5], activation="tanh")
        x = np.random.default_rng(0).normal(size=(6, 2))
        weights = network.get_weights()
        values = x
        for kernel, bias in zip(weights[:4:2], weights[1:4:2], strict=True):
            values = np.tanh(values @ kernel + bias)
        np.testing.assert_allclose(
            network(x), values @ weights[4] + weights[5], rtol=1e-5, atol=1e-6
        )

    def test_recurrent_networks_end_in_a_linear_head_of_the_cell_s_output(self):
        encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
        for cell, outputs in (
            (keras.layers.GRUCell(5), 5),
            (layers.MemoryAugmentedCell(5, slots=8, width=3, heads=2), 5 + 6),
        ):
            joined = networks.recurrent_networks(encoder, cell, 7)
            self.assertIs(joined.encoder, encoder)
            self.assertIs(joined.cell, cell)
            self.assertEqual(joined.decoder.input_shape, (None, outputs))
            self.assertEqual(joined.decoder.count_params(), (outputs + 1) * 7)


if __name__ == "__main__":
    absltest.main()

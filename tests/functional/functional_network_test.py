"""Draws of theta, and the cut before the first adapted layer."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import layers
from tfmeta.functional import functional_network


def _network():
    inputs = keras.Input((3,))
    values = keras.layers.Dense(4, name="first")(inputs)
    values = keras.layers.Dropout(0.5, seed=1)(values)
    values = keras.layers.Dense(4, name="second")(values)
    values = keras.layers.GaussianNoise(0.5, seed=2)(values)
    values = layers.DenseReparameterization(4, name="theta")(values)
    values = layers.DenseFlipout(4, name="signs")(values)
    values = layers.DenseReparameterization(4, name="more_theta")(values)
    return keras.Model(inputs, keras.layers.Dense(2, name="third")(values))


def _seeds(calls):
    return functional_network.Seeds(
        posteriors=tf.reshape(tf.range(4), (1, 2, 2)),
        noise=tf.reshape(tf.range(6 * calls), (calls, 3, 2)),
    )


def _values(variables):
    return [tf.convert_to_tensor(v) for v in variables]


class DrawSeedsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("task", 5, 1), ("meta_batch", 1, 1), ("call", 5, 3)
    )
    def test_what_shares_a_draw_of_the_weights(
        self, posterior_draw, tasks, calls
    ):
        seeds = functional_network.draw_seeds(
            _network(),
            tf.constant([0, 1]),
            tasks=tf.constant(5),
            calls=3,
            posterior_draw=posterior_draw,
        )
        self.assertEqual(seeds.posteriors.shape, (5, calls, 2, 2))
        posteriors = seeds.posteriors.numpy()
        self.assertLen(np.unique(posteriors[..., 0, 0]), tasks * calls)
        self.assertNoCommonElements(
            posteriors[..., 0, 0].ravel(), posteriors[..., 1, 0].ravel()
        )
        with self.subTest("noise is never shared"):
            self.assertEqual(seeds.noise.shape, (5, 3, 3, 2))
            self.assertLen(np.unique(seeds.noise.numpy()[..., 0]), 5 * 3 * 3)

    def test_support_and_query_have_one_theta_but_their_own_noise(self):
        """Shared noise would tell the label of the query in its place."""
        seeds = functional_network.draw_seeds(
            _network(),
            tf.constant([0, 1]),
            tasks=tf.constant(1),
            calls=2,
            posterior_draw="task",
        )
        run = functional_network.Pass(
            True, functional_network.Seeds(*(kind[0] for kind in seeds))
        )
        inputs = keras.Input((3,))
        for name, layer, is_equal in (
            ("weights", layers.DenseReparameterization(4), True),
            ("flipout", layers.DenseFlipout(4), False),
            ("local", layers.DenseLocalReparameterization(4), False),
            ("bottleneck", layers.StochasticBottleneck(4), False),
            ("dropout", keras.layers.Dropout(0.5), False),
        ):
            outputs = keras.layers.Dense(4)(layer(inputs))
            network = keras.Model(inputs, outputs)
            run_network = functional_network.FunctionalNetwork(network)
            weights = _values(network.trainable_variables)
            calls = [
                run_network(weights, tf.ones((8, 3)), run, call)[0].numpy()
                for call in (0, 1)
            ]
            with self.subTest(name):
                self.assertEqual(np.array_equal(*calls), is_equal)

    def test_a_draw_is_its_seed(self):
        network = _network()
        run_network = functional_network.FunctionalNetwork(network)
        weights = _values(network.trainable_variables)
        inputs = tf.ones((8, 3))
        seeds = _seeds(calls=2)

        def predict(call, training=True):
            run = functional_network.Pass(training, seeds)
            return run_network(weights, inputs, run, call)[0].numpy()

        state = [v.numpy() for v in network.non_trainable_variables]
        np.testing.assert_array_equal(predict(0), predict(0))
        self.assertFalse(np.array_equal(predict(0), predict(1)))
        np.testing.assert_array_equal(
            predict(0, training=False), predict(1, training=False)
        )
        for before, variable in zip(
            state, network.non_trainable_variables, strict=True
        ):
            np.testing.assert_array_equal(before, variable)


class SplitTest(parameterized.TestCase):
    @parameterized.parameters("second", "third")
    def test_the_parts_are_the_whole(self, adapted):
        network = _network()
        before, rest = functional_network.split_at(
            network, network.get_layer(adapted).trainable_variables
        )
        weights = _values(network.trainable_variables)
        inputs = tf.ones((8, 3))
        run = functional_network.Pass(True, _seeds(calls=1))
        whole, _ = functional_network.FunctionalNetwork(network)(
            weights, inputs, run
        )
        features, _ = functional_network.FunctionalNetwork(network, before)(
            weights, inputs, run
        )
        predictions, _ = functional_network.FunctionalNetwork(network, rest)(
            weights, features, run
        )
        np.testing.assert_array_equal(whole, predictions)
        self.assertLess(
            len(rest.trainable_variables), len(network.trainable_variables)
        )

    def test_a_first_layer_leaves_no_part_before_it(self):
        network = _network()
        before, rest = functional_network.split_at(
            network, network.trainable_variables
        )
        self.assertIsNone(before)
        self.assertIs(rest, network)

    def test_a_connection_that_leaps_over_forbids_the_cut(self):
        inputs = keras.Input((3,))
        values = keras.layers.Dense(3)(inputs)
        head = keras.layers.Dense(3)
        outputs = keras.layers.Add()([head(values), inputs])
        network = keras.Model(inputs, outputs)
        before, rest = functional_network.split_at(
            network, head.trainable_variables
        )
        self.assertIsNone(before)
        self.assertIs(rest, network)


if __name__ == "__main__":
    absltest.main()

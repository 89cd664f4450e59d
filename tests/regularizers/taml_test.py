"""TAML: entropies, inequality measures and how they reach the weights."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, learners, networks
from tfmeta.regularizers import taml


class EntropyTest(absltest.TestCase):
    def test_certain_and_uniform_predictions(self):
        uniform = tf.zeros((4, 5))
        certain = tf.one_hot([0, 1, 2, 3], 5) * 1e3
        regularizer = taml.TAMLEntropy(0.5)
        self.assertAlmostEqual(
            float(regularizer.task_loss(uniform, certain)),
            -0.5 * np.log(5),
            places=6,
        )
        self.assertAlmostEqual(
            float(regularizer.task_loss(certain, uniform)),
            0.5 * np.log(5),
            places=6,
        )


class InequalityTest(parameterized.TestCase):
    @parameterized.parameters(*taml.INEQUALITY_MEASURES)
    def test_measure(self, name):
        measure = taml.INEQUALITY_MEASURES[name]
        losses = np.array([0.3, 1.2, 2.0, 0.7])
        value = float(measure(tf.constant(losses)))
        self.assertGreater(value, 0.01)
        with self.subTest("equal losses have none"):
            self.assertAlmostEqual(
                float(measure(tf.constant([0.4, 0.4, 0.4]))), 0.0, places=6
            )
        with self.subTest("the unit does not matter"):
            self.assertAlmostEqual(
                float(measure(tf.constant(7 * losses))), value, places=9
            )
        with self.subTest("a transfer to the poorer lowers it"):
            nearer = losses + np.array([0.1, 0, -0.1, 0])
            self.assertLess(float(measure(tf.constant(nearer))), value)

    def test_published_values(self):
        """Of incomes 1, 2, 3, 4, computed by hand."""
        incomes = tf.constant([1.0, 2.0, 3.0, 4.0], tf.float64)
        shares = np.array([0.4, 0.8, 1.2, 1.6])
        expected = {
            "theil": np.mean(shares * np.log(shares)),
            "generalized_entropy": (np.mean(shares**2) - 1) / 2,
            "gini": 0.25,
            "atkinson": 1 - np.mean(np.sqrt([1, 2, 3, 4])) ** 2 / 2.5,
            "variance_of_logs": np.var(np.log([1, 2, 3, 4])),
        }
        for name, value in expected.items():
            self.assertAlmostEqual(
                float(taml.INEQUALITY_MEASURES[name](incomes)), value, places=12
            )

    def test_meta_gradient_is_that_of_the_whole_objective(self):
        """Mean query loss + weight * I(initial losses), by one big tape."""
        keras.utils.set_random_seed(0)
        rng = np.random.default_rng(0)
        episodes = tuple(
            tf.constant(rng.normal(size=(4, 6, 2)), tf.float32)
            for _ in range(4)
        )
        learner = learners.MAML(
            networks.mlp(2, 2, hidden=[5], activation="tanh"),
            task_regularizer=taml.TAMLInequality(0.7, "theil"),
        )
        learner.compile("sgd", "mse")
        gradients = learner.task_gradients(episodes).gradients
        variables = learner.trainable_variables
        with tf.GradientTape() as tape:
            adapted_losses, initial_losses = [], []
            for support_x, support_y, query_x, query_y in zip(
                *episodes, strict=True
            ):
                with tf.GradientTape() as inner:
                    loss = tf.reduce_mean(
                        (learner.network(support_x) - support_y) ** 2
                    )
                inner_gradients = inner.gradient(
                    loss, [v.value for v in variables]
                )
                adapted, _ = learner.network.stateless_call(
                    [
                        v.value - 0.1 * g
                        for v, g in zip(variables, inner_gradients, strict=True)
                    ],
                    [],
                    query_x,
                )
                adapted_losses.append(tf.reduce_mean((adapted - query_y) ** 2))
                initial = learner.network(query_x)
                initial_losses.append(tf.reduce_mean((initial - query_y) ** 2))
            objective = tf.reduce_mean(
                adapted_losses
            ) + 0.7 * taml.INEQUALITY_MEASURES["theil"](
                tf.stack(initial_losses)
            )
        expected = tape.gradient(objective, [v.value for v in variables])
        for ours, theirs in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(
                tf.reduce_mean(ours, 0), theirs, rtol=1e-4, atol=1e-6
            )


class ConfigTest(parameterized.TestCase):
    @parameterized.parameters(
        taml.TAMLEntropy(0.3), taml.TAMLInequality(0.2, "gini")
    )
    def test_round_trip(self, regularizer):
        serialized = keras.saving.serialize_keras_object(regularizer)
        rebuilt = keras.saving.deserialize_keras_object(serialized)
        self.assertIs(type(rebuilt), type(regularizer))
        self.assertEqual(rebuilt.get_config(), regularizer.get_config())

    @parameterized.parameters(-0.1, float("nan"))
    def test_weight(self, weight):
        for build in (taml.TAMLEntropy, taml.TAMLInequality):
            with self.assertRaisesRegex(errors.InputError, f"weight={weight}"):
                build(weight)

    def test_measure(self):
        with self.assertRaisesRegex(errors.InputError, "measure='gni'.*gini"):
            taml.TAMLInequality(0.1, "gni")


if __name__ == "__main__":
    absltest.main()

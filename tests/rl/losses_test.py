"""Policies, their mirror and SAC's losses against NumPy in float64."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.rl import mirror, policies, sac_losses


class SquashedNormalTest(absltest.TestCase):
    def test_density_is_the_change_of_variables(self):
        rng = np.random.default_rng(0)
        outputs, noise = rng.normal(size=(5, 6)), rng.normal(size=(5, 3))
        actions, found = policies.SquashedNormal.of(tf.constant(outputs)).draw(
            tf.constant(noise)
        )
        mean, scale = outputs[:, :3], np.exp(outputs[:, 3:])
        raw = np.arctanh(actions.numpy())
        expected = (
            -((raw - mean) ** 2) / (2 * scale**2)
            - np.log(scale)
            - np.log(2 * np.pi) / 2
            - np.log(1 - actions.numpy() ** 2)
        ).sum(-1)
        np.testing.assert_allclose(found, expected, rtol=1e-8)

    def test_densities_integrate_to_one(self):
        outputs = tf.constant([[0.3, -0.5]], tf.float64)
        policy = policies.SquashedNormal.of(outputs)
        noise = tf.reshape(tf.linspace(-9.0, 9.0, 20001), (-1, 1))
        actions, log_densities = policy.draw(tf.cast(noise, tf.float64))
        total = np.trapezoid(np.exp(log_densities), actions[:, 0])
        self.assertAlmostEqual(total, 1, 5)

    def test_far_from_zero_densities_are_finite(self):
        for mean in (-50.0, 50.0):
            policy = policies.SquashedNormal.of(tf.constant([[mean, 10.0]]))
            _, log_density = policy.draw(tf.zeros((1, 1)))
            self.assertTrue(np.isfinite(log_density).all())
            self.assertEqual(float(policy.log_scale[0, 0]), 2.0)

    def test_mode(self):
        policy = policies.SquashedNormal.of(tf.constant([[0.3, -0.5]]))
        np.testing.assert_allclose(policy.mode(), [[np.tanh(0.3)]], rtol=1e-6)


class MirrorTest(parameterized.TestCase):
    @parameterized.parameters("relu", "tanh", "elu", "linear")
    def test_it_equals_the_network(self, activation):
        network = keras.Sequential(
            [
                keras.Input((5,)),
                keras.layers.Dense(8, activation=activation),
                keras.layers.Dense(8, activation=activation, use_bias=False),
                keras.layers.Dense(3),
            ]
        )
        copy = mirror.Mirror(network)
        inputs = np.random.default_rng(0).normal(size=(7, 5))
        np.testing.assert_allclose(
            copy(inputs), network(inputs), rtol=1e-5, atol=1e-6
        )
        with self.subTest("after an update"):
            old = copy(inputs)
            for variable in network.trainable_variables:
                variable.assign_add(tf.ones_like(variable))
            np.testing.assert_array_equal(copy(inputs), old)
            copy.refresh()
            np.testing.assert_allclose(
                copy(inputs), network(inputs), rtol=1e-5, atol=1e-6
            )

    @parameterized.parameters(
        (lambda: keras.layers.LayerNormalization(), "a LayerNormalization"),
        (lambda: keras.layers.Dense(3, activation="gelu"), "'gelu' of"),
    )
    def test_other_layers(self, layer, message):
        network = keras.Sequential([keras.Input((5,)), layer()])
        with self.assertRaisesRegex(errors.InputError, message):
            mirror.Mirror(network)


class SACLossesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(0)
        self.rewards, self.log_densities = rng.normal(size=(2, 6))
        self.values = rng.normal(size=(6, 2))
        self.terminated = np.array([0, 1, 0, 0, 1, 0.0])

    def test_targets(self):
        found = sac_losses.targets(
            tf.constant(self.rewards),
            tf.constant(self.terminated),
            tf.constant(self.values),
            tf.constant(self.log_densities),
            temperature=tf.constant(0.3, tf.float64),
            discount=0.9,
        )
        for row in range(6):
            after = min(self.values[row]) - 0.3 * self.log_densities[row]
            expected = self.rewards[row]
            if not self.terminated[row]:
                expected += 0.9 * after
            self.assertAlmostEqual(float(found[row]), expected)

    def test_critics_move_to_the_targets(self):
        values = tf.Variable(self.values)
        wanted = tf.Variable(self.rewards)
        with tf.GradientTape() as tape:
            loss = sac_losses.critic_loss(
                tf.convert_to_tensor(values), tf.convert_to_tensor(wanted)
            )
        errors_of = self.values - self.rewards[:, np.newaxis]
        self.assertAlmostEqual(float(loss), (errors_of**2).sum() / 12)
        gradient, none = tape.gradient(loss, [values, wanted])
        np.testing.assert_allclose(gradient, errors_of / 6)
        self.assertIsNone(none)

    def test_actor(self):
        loss = sac_losses.actor_loss(
            tf.constant(self.values),
            tf.constant(self.log_densities),
            temperature=tf.constant(0.3, tf.float64),
        )
        self.assertAlmostEqual(
            float(loss),
            np.mean(0.3 * self.log_densities - self.values.min(-1)),
        )

    @parameterized.parameters((-2.0, 1), (0.5, -1))
    def test_temperature_rises_where_entropy_is_low(self, entropy, sign):
        log_temperature = tf.Variable(0.1)
        with tf.GradientTape() as tape:
            loss = sac_losses.temperature_loss(
                tf.convert_to_tensor(log_temperature),
                tf.constant(entropy),
                target=-1.0,
            )
        gradient = tape.gradient(loss, log_temperature)
        self.assertEqual(np.sign(-gradient), sign)
        self.assertAlmostEqual(float(gradient), entropy + 1, 6)

    @parameterized.named_parameters(
        (
            "critic",
            lambda: sac_losses.critic_loss(tf.zeros((6, 2)), tf.zeros((6, 1))),
            r"values: of shape \(6, 2\), expected rank 3",
        ),
        (
            "actor",
            lambda: sac_losses.actor_loss(
                tf.zeros((6,)), tf.zeros((6,)), temperature=tf.ones(())
            ),
            r"values: of shape \(6,\), expected rank 2",
        ),
        (
            "targets",
            lambda: sac_losses.targets(
                tf.zeros(6),
                tf.zeros((6, 1)),
                tf.zeros((6, 2)),
                tf.zeros(6),
                temperature=1.0,
                discount=0.9,
            ),
            r"terminated: of shape \(6, 1\), expected rank 1",
        ),
    )
    def test_what_would_broadcast_is_refused(self, call, message):
        with self.assertRaisesRegex(errors.InputError, message):
            call()


if __name__ == "__main__":
    absltest.main()

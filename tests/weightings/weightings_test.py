"""Loss weightings against their formulas."""

import math

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, weightings

_ALL = tuple(weightings.WEIGHTINGS)


def _built(weighting, tasks=2):
    weighting.build_for(tasks)
    return weighting


def _step(weighting, losses, norms=None, new_losses=None):
    """Returns the weights of a step, then makes it."""
    losses = tf.constant(losses, tf.float32)
    weights = weighting(losses).numpy()
    weighting.update(
        losses,
        gradient_norms=None if norms is None else tf.constant(norms),
        new_losses=None if new_losses is None else tf.constant(new_losses),
    )
    return weights


def _softmax(x):
    exp = np.exp(x - np.max(x))
    return exp / np.sum(exp)


class UncertaintyTest(absltest.TestCase):
    def test_total_and_its_minimum(self):
        # exp(-s) / 2 L + s / 2 is least at s = log L, where it is (1 + s) / 2.
        losses = np.array([0.3, 5.0], np.float32)
        weighting = _built(weightings.Uncertainty())
        weighting.log_variances.assign(np.log(losses))
        with tf.GradientTape() as tape:
            weights = weighting(tf.constant(losses))
            total = tf.reduce_sum(weights * losses) + weighting.penalty(losses)
        self.assertAlmostEqual(
            float(total), np.sum(1 + np.log(losses)) / 2, places=5
        )
        np.testing.assert_allclose(
            tape.gradient(total, weighting.trainable_variables)[0],
            0,
            atol=1e-6,
        )

    def test_an_absent_task_s_variance_stays(self):
        weighting = _built(weightings.Uncertainty())
        with tf.GradientTape() as tape:
            penalty = weighting.penalty(tf.constant([0.0, 1.0]))
        (gradient,) = tape.gradient(penalty, weighting.trainable_variables)
        np.testing.assert_array_equal(gradient, [0, 0.5])


class DynamicWeightAverageTest(absltest.TestCase):
    def test_weights_by_the_epochs(self):
        weighting = _built(weightings.DynamicWeightAverage(temperature=1.5))
        epochs = [
            [[4.0, 1.0], [2.0, 1.0]],
            [[1.0, 1.0], [1.0, 0.0]],
            [[0.5, 2.0]],
            [[9.0, 9.0]],
        ]
        means = [np.mean(epoch, 0) for epoch in epochs]
        for t, epoch in enumerate(epochs):
            weighting.start_epoch()
            weighting.start_epoch()  # No epoch has passed in between.
            expected = np.ones(2)
            if t >= 2:
                expected = 2 * _softmax(means[t - 1] / means[t - 2] / 1.5)
            for losses in epoch:
                np.testing.assert_allclose(
                    _step(weighting, losses), expected, rtol=1e-6
                )


class GradNormTest(parameterized.TestCase):
    def test_two_steps_by_hand(self):
        alpha, rate = 0.5, 0.1
        weighting = _built(weightings.GradNorm(alpha, rate), tasks=3)
        steps = [
            ([1.0, 2.0, 4.0], [3.0, 1.0, 1.0]),
            ([0.5, 1.8, 4.0], [2.0, 3.0, 0.5]),
        ]
        weights, first, second = np.ones(3), np.zeros(3), np.zeros(3)
        initial = np.array(steps[0][0])
        for t, (losses, norms) in enumerate(steps, start=1):
            np.testing.assert_allclose(
                _step(weighting, losses, norms), weights, rtol=1e-5
            )
            shares = np.array(losses) / initial
            rates = shares / shares.mean()
            weighted = weights * norms
            target = weighted.mean() * rates**alpha
            gradient = norms * np.sign(weighted - target)
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            weights = weights - rate * (first / (1 - 0.9**t)) / (
                np.sqrt(second / (1 - 0.999**t)) + 1e-8
            )
            weights = 3 * weights / weights.sum()
        np.testing.assert_allclose(weighting.task_weights, weights, rtol=1e-5)

    def test_an_absent_task_is_no_part_of_the_means(self):
        """Three tasks, one of them absent, move as two do."""
        two, three = (
            _built(weightings.GradNorm(alpha=0.5), tasks) for tasks in (2, 3)
        )
        losses, norms = [[1.0, 2.0], [0.5, 1.5]], [1.0, 3.0]
        for step in losses:
            _step(two, step, norms)
            _step(three, [*step, 0.0], [*norms, 0.0])
        pair, weights = (
            np.array(weighting.task_weights) for weighting in (two, three)
        )
        np.testing.assert_allclose(
            weights[0] / weights[1], pair[0] / pair[1], rtol=1e-2
        )
        _step(three, [0.5, 1.0, 4.0], [1.0, 1.0, 1.0])
        np.testing.assert_array_equal(three.initial_losses, [1.0, 2.0, 4.0])

    def test_norms_become_equal_and_weights_stay_positive(self):
        weighting = _built(weightings.GradNorm(alpha=0.0), tasks=3)
        norms = [1.0, 2.0, 4.0]
        for _ in range(300):
            weights = _step(weighting, [1.0, 1.0, 1.0], norms)
            self.assertGreater(weights.min(), 0)
            self.assertAlmostEqual(weights.sum(), 3, places=4)
        weighted = weights * norms
        self.assertLess(weighted.max() / weighted.min(), 1.3)


class FAMOTest(absltest.TestCase):
    def test_two_steps_by_hand(self):
        weighting = _built(weightings.FAMO(learning_rate=0.1, decay=0.02))
        logits, first, second = np.zeros(2), np.zeros(2), np.zeros(2)
        for t, (losses, after) in enumerate(
            [([1.0, 4.0], [0.5, 3.9]), ([0.7, 3.0], [0.8, 1.0])], start=1
        ):
            z = _softmax(logits)
            expected = z / losses
            np.testing.assert_allclose(
                _step(weighting, losses, new_losses=after),
                expected / expected.sum(),
                rtol=1e-5,
            )
            falls = np.log(losses) - np.log(after)
            jacobian = np.diag(z) - np.outer(z, z)
            gradient = jacobian @ falls + 0.02 * logits
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            logits = logits - 0.1 * (first / (1 - 0.9**t)) / (
                np.sqrt(second / (1 - 0.999**t)) + 1e-8
            )
        np.testing.assert_allclose(weighting.logits, logits, rtol=1e-4)


class RandomLossWeightingTest(absltest.TestCase):
    def test_draws_are_fixed_by_the_seed(self):
        def draws(seed):
            weighting = _built(weightings.RandomLossWeighting(seed), tasks=3)
            return np.stack([_step(weighting, [1.0] * 3) for _ in range(400)])

        first = draws(1)
        np.testing.assert_array_equal(first, draws(1))
        self.assertGreater(np.abs(first - draws(2)).max(), 0.1)
        np.testing.assert_allclose(first.sum(1), 1, rtol=1e-5)
        # The softmax of independent normals: exchangeable, log ratios ~ N(0,2).
        np.testing.assert_allclose(first.mean(0), 1 / 3, atol=0.05)
        log_ratios = np.log(first[:, 0] / first[:, 1])
        self.assertAlmostEqual(log_ratios.std(), math.sqrt(2), delta=0.2)


class EveryWeightingTest(parameterized.TestCase):
    @parameterized.parameters(*_ALL)
    def test_equal_tasks_start_with_equal_weights(self, name):
        weights = _built(weightings.get(name), 4)(tf.ones(4)).numpy()
        self.assertEqual(weights.shape, (4,))
        if name != "rlw":
            np.testing.assert_allclose(weights, weights[0], rtol=1e-6)

    @parameterized.parameters(*_ALL)
    def test_a_task_may_be_absent_from_any_batch(self, name):
        weighting = _built(weightings.get(name), tasks=3)
        rng = np.random.default_rng(0)
        batches = rng.uniform(0.5, 2, (6, 3)).astype(np.float32)
        batches[0, 1] = 0
        batches[2] = 0
        batches[4:, 0] = 0
        for losses in batches:
            if losses[0]:
                weighting.start_epoch()
            weights = _step(weighting, losses, losses, 0.9 * losses)
            self.assertTrue(np.isfinite(weights).all())
            # The others are weighted as if they were all there is.
            held = losses > 0
            if held.any() and name != "rlw":
                self.assertBetween(weights[held].mean(), 0.2, 2)
        for variable in weighting.variables:
            self.assertTrue(np.isfinite(variable).all(), variable.path)

    @parameterized.parameters(*_ALL)
    def test_is_rebuilt_from_its_configuration(self, name):
        weighting = weightings.get(name)
        restored = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(weighting)
        )
        self.assertIs(type(restored), type(weighting))
        self.assertEqual(restored.get_config(), weighting.get_config())

    @parameterized.parameters(*_ALL)
    def test_is_in_full_precision_whatever_the_policy(self, name):
        keras.config.set_dtype_policy("mixed_float16")
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        weights = _built(weightings.get(name))(tf.constant([1e-9, 1.0]))
        self.assertEqual(weights.dtype, tf.float32)

    def test_none_is_equal(self):
        self.assertIsInstance(weightings.get(None), weightings.Equal)

    @parameterized.named_parameters(
        (
            "unknown",
            lambda: weightings.get("gradnrom"),
            "weighting='gradnrom': .*gradnorm",
        ),
        ("object", lambda: weightings.get(3), "weighting=3"),
        (
            "temperature",
            lambda: weightings.DynamicWeightAverage(0.0),
            "temperature=0.0",
        ),
        ("alpha", lambda: weightings.GradNorm(alpha=-1), "alpha=-1"),
        ("rate", lambda: weightings.GradNorm(learning_rate=0), "learning_rate"),
        ("famo_rate", lambda: weightings.FAMO(math.nan), "learning_rate=nan"),
        ("decay", lambda: weightings.FAMO(decay=-0.1), "decay=-0.1"),
        (
            "other_tasks",
            lambda: _built(_built(weightings.GradNorm()), 3),
            "state of 2 tasks, the model has 3",
        ),
    )
    def test_bad(self, make, message):
        with self.assertRaisesRegex(errors.InputError, message):
            make()


if __name__ == "__main__":
    absltest.main()

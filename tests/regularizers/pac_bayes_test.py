"""The bounds in closed form, and against errors that are known exactly."""

import math

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, layers
from tfmeta.regularizers import pac_bayes

_BOUNDS = (
    pac_bayes.meta_generalization_bound,
    pac_bayes.even_meta_generalization_bound,
)


def _normal_cdf(x):
    return tf.math.erfc(-x / math.sqrt(2)).numpy() / 2


class FormulaTest(parameterized.TestCase):
    def test_published_form(self):
        """Theorem 1, by hand: n = 3, K = 9, log(n (K + 1) / delta) = 5."""
        bound = pac_bayes.meta_generalization_bound(
            [0.1, 0.2, 0.3], 4.0, points_per_task=9, delta=30 * math.exp(-5)
        )
        self.assertAlmostEqual(float(bound), 0.2 + 3 * (1 / 4 + 1 / 2))

    def test_even_form(self):
        """By hand: n = 3, K = 9, log(2 n / delta) = 4 log 3."""
        bound = pac_bayes.even_meta_generalization_bound(
            [0.1, 0.2, 0.3], 1.0, points_per_task=9, delta=6 / 81
        )
        self.assertAlmostEqual(
            float(bound),
            0.2
            + math.sqrt((1 + 6 * math.log(3)) / 16)
            + math.sqrt((1 + 4 * math.log(3)) / 4),
        )

    def test_both_share_out_no_more_than_delta(self):
        """The shares of delta of the n + 1 bounds, computed from the bound."""
        tasks, points, delta, kl = 7, 30, 0.05, 2.5
        arguments = np.zeros(tasks), kl
        bound = pac_bayes.meta_generalization_bound(
            *arguments, points_per_task=points, delta=delta
        )
        rate = 1 / math.sqrt(2 * points - 2) + 1 / math.sqrt(2 * tasks - 2)
        log_term = (float(bound) / rate) ** 2 - kl
        shares = tasks * math.exp(-log_term), points * math.exp(-log_term)
        self.assertAlmostEqual(shares[0] + tasks * shares[1], delta)

    @parameterized.parameters(*_BOUNDS)
    def test_monotone(self, bound):
        def at(error=0.1, kl=3.0, tasks=20, points=50, delta=0.05):
            return float(
                bound(
                    np.full(tasks, error),
                    kl,
                    points_per_task=points,
                    delta=delta,
                )
            )

        for larger in (
            {"error": 0.2},
            {"kl": 4.0},
            {"tasks": 10},
            {"points": 25},
            {"delta": 0.01},
        ):
            self.assertGreater(at(**larger), at(), larger)
        self.assertEqual(at(kl=math.inf), math.inf)

    @parameterized.named_parameters(
        ("one_task", {"task_errors": [0.5]}, "at least 2 tasks"),
        ("error_above_one", {"task_errors": [0.5, 1.5]}, r"\[0, 1\].* 1.5"),
        ("error_nan", {"task_errors": [0.5, math.nan]}, r"\[0, 1\]"),
        ("kl_negative", {"kl": -1.0}, "kl=-1.0"),
        ("kl_nan", {"kl": math.nan}, "kl=nan"),
        ("one_point", {"points_per_task": 1}, "points_per_task=1"),
        ("delta_zero", {"delta": 0.0}, "delta=0.0"),
        ("delta_one", {"delta": 1.0}, "delta=1.0"),
    )
    def test_bad_input(self, wrong, message):
        arguments = {
            "task_errors": [0.5, 0.5],
            "kl": 1.0,
            "points_per_task": 5,
            "delta": 0.1,
        }
        for bound in _BOUNDS:
            with self.assertRaisesRegex(errors.InputError, message):
                bound(**(arguments | wrong))


class KnownErrorTest(parameterized.TestCase):
    """Theta guesses points of tasks; a point that is 1 away is an error.

    A task's mean is N(0, .5^2), its points are N(mean, 1). The prior is N(0, 1)
    and the posterior N(m, .1^2), with m chosen to fit the measured points. All
    expectations over theta, and over tasks to come, are exact.
    """

    _scale = 0.1

    def _trials(self, trials, tasks, points):
        rng = np.random.default_rng(0)
        means = rng.normal(0, 0.5, size=(trials, tasks, 1))
        values = rng.normal(means, size=(trials, tasks, points))

        def task_errors(loc):
            near = _normal_cdf((values + 1 - loc) / self._scale)
            near -= _normal_cdf((values - 1 - loc) / self._scale)
            return np.mean(1 - near, axis=-1)

        candidates = np.linspace(-2, 2, 21)
        measured = np.stack([task_errors(loc) for loc in candidates])
        best = np.argmin(measured.mean(axis=-1), axis=0)
        loc = candidates[best]
        spread = math.sqrt(1 + 0.5**2 + self._scale**2)
        true_error = (
            1
            - _normal_cdf((1 - loc) / spread)
            + _normal_cdf((-1 - loc) / spread)
        )
        kl = (self._scale**2 + loc**2 - 1) / 2 - math.log(self._scale)
        return measured[best, np.arange(trials)], kl, true_error

    @parameterized.product(
        bound=_BOUNDS, size=((2, 2), (5, 50), (50, 5)), delta=(0.05, 0.5)
    )
    def test_holds_as_often_as_it_says(self, bound, size, delta):
        task_errors, kl, true_error = self._trials(1000, *size)
        values = bound(task_errors, kl, points_per_task=size[1], delta=delta)
        self.assertGreaterEqual(np.mean(true_error <= values), 1 - delta)
        with self.subTest("the measured error alone would not do"):
            self.assertLess(np.mean(true_error <= task_errors.mean(-1)), 0.5)

    @parameterized.parameters(*_BOUNDS)
    def test_says_something_of_a_small_task_set(self, bound):
        task_errors, kl, true_error = self._trials(1, 150, 150)
        (value,) = bound(task_errors, kl, points_per_task=150, delta=0.05)
        self.assertLess(value, 0.95)
        self.assertGreater(value, true_error[0])


def _network(prior):
    divergence = layers.KLDivergence(weight=1e-3)
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.DenseReparameterization(
                4, kernel_prior_fn=prior, kernel_divergence_fn=divergence
            ),
            layers.DenseReparameterization(
                2,
                kernel_prior_fn=prior,
                kernel_divergence_fn=divergence,
                bias_posterior_fn=layers.MeanFieldNormal(),
                bias_prior_fn=prior,
            ),
            keras.layers.Dense(5),
        ]
    )


class PosteriorDivergenceTest(absltest.TestCase):
    def test_closed_form_without_beta(self):
        keras.utils.set_random_seed(0)
        network = _network(layers.NormalPrior(0.5))
        expected = 0.0
        for layer, names in zip(
            network.layers[:2], (["kernel"], ["kernel", "bias"]), strict=True
        ):
            values = {v.name: v.numpy() for v in layer.trainable_variables}
            for name in names:
                loc = values[f"{name}_posterior_loc"].astype(np.float64)
                scale = np.log1p(
                    np.exp(values[f"{name}_posterior_untransformed_scale"])
                )
                expected += np.sum(
                    np.log(0.5 / scale)
                    + (scale**2 + loc**2) / (2 * 0.5**2)
                    - 0.5
                )
        divergence = pac_bayes.posterior_divergence(network)
        self.assertAlmostEqual(divergence.kl / expected, 1, places=5)
        self.assertEqual(divergence.weights, 3 * 4 + 4 * 2 + 2)
        # The first bias is a point, and so is the head.
        self.assertEqual(divergence.point_weights, 4 + 2 * 5 + 5)

    def test_trained_prior(self):
        with self.assertRaisesRegex(errors.InputError, "prior of 'dense.*fix"):
            pac_bayes.posterior_divergence(
                _network(layers.LearnedNormalPrior())
            )

    def test_no_posterior(self):
        network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        with self.assertRaisesRegex(errors.InputError, "no posterior"):
            pac_bayes.posterior_divergence(network)


if __name__ == "__main__":
    absltest.main()

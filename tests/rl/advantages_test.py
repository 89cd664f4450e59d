"""Advantages against their definition, the baseline against a linear world."""

import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.rl import advantages


class AdvantagesTest(parameterized.TestCase):
    @parameterized.product(
        discount=(0.0, 0.9, 1.0), decay=(0.0, 0.5, 1.0), terminated=(0, 1)
    )
    def test_the_definition(self, discount, decay, terminated):
        rng = np.random.default_rng(0)
        steps = 6
        rewards, values = rng.normal(size=(2, 2, steps))
        last = rng.normal(size=2)
        found = advantages.generalized_advantages(
            rewards,
            values,
            last,
            np.full(2, terminated),
            discount=discount,
            decay=decay,
        )
        for episode in range(2):
            known = [*values[episode], last[episode] * (1 - terminated)]
            for t in range(steps):
                # Equation 16: a mean of estimates over all numbers of steps.
                expected = sum(
                    (discount * decay) ** (k - t)
                    * (rewards[episode, k] + discount * known[k + 1] - known[k])
                    for k in range(t, steps)
                )
                self.assertAlmostEqual(found[episode, t], expected)

    def test_with_a_decay_of_one_they_are_returns_less_values(self):
        rng = np.random.default_rng(1)
        rewards, values = rng.normal(size=(2, 5))
        found = advantages.generalized_advantages(
            rewards, values, 0.0, 1, discount=0.9, decay=1.0
        )
        returns = advantages.discounted_sums(rewards, 0.9)
        np.testing.assert_allclose(found, returns - values)

    @parameterized.parameters(("discount", 1.5), ("decay", -0.1))
    def test_bad_share(self, name, share):
        given = {"discount": 0.9, "decay": 0.9} | {name: share}
        with self.assertRaisesRegex(
            errors.InputError, f"{name}={share}: expected a number from 0 to 1"
        ):
            advantages.generalized_advantages(
                np.zeros(3), np.zeros(3), 0.0, 1, **given
            )


class LinearBaselineTest(absltest.TestCase):
    def test_it_finds_what_is_linear_in_its_features(self):
        rng = np.random.default_rng(0)
        observations = rng.normal(size=(20, 7, 3))
        time = np.arange(7) / 100
        returns = (
            observations @ [1.0, -2.0, 0.5]
            + observations[..., 0] ** 2
            + 40 * time
            + 3
        )
        baseline = advantages.LinearBaseline()
        np.testing.assert_array_equal(baseline(observations), 0)
        baseline.fit(observations, returns)
        new = rng.normal(size=(4, 7, 3))
        expected = new @ [1.0, -2.0, 0.5] + new[..., 0] ** 2 + 40 * time + 3
        np.testing.assert_allclose(baseline(new), expected, atol=1e-2)

    def test_far_observations_are_clipped(self):
        baseline = advantages.LinearBaseline()
        observations = np.random.default_rng(0).normal(size=(20, 7, 1))
        baseline.fit(observations, observations[..., 0])
        np.testing.assert_allclose(
            baseline(np.full((1, 7, 1), 1e6)), baseline(np.full((1, 7, 1), 10))
        )

    def test_ridge(self):
        with self.assertRaisesRegex(errors.InputError, "ridge=0"):
            advantages.LinearBaseline(0)


if __name__ == "__main__":
    absltest.main()

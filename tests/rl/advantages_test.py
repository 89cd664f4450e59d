"""Advantages against their definition, the baseline against a linear world."""

import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.rl import advantages, baselines

# Two episodes of a task: three steps, then two.
_ENDED = np.array([0, 0, 1, 0, 1])


class AdvantagesTest(parameterized.TestCase):
    @parameterized.product(
        discount=(0.0, 0.9, 1.0), decay=(0.0, 0.5, 1.0), terminated=(0, 1)
    )
    def test_the_definition(self, discount, decay, terminated):
        rng = np.random.default_rng(0)
        rewards, values, after = rng.normal(size=(3, 2, 5))
        found = advantages.generalized_advantages(
            rewards,
            values,
            after,
            _ENDED * terminated * np.ones((2, 1)),
            np.stack([_ENDED, _ENDED]),
            discount=discount,
            decay=decay,
        )
        for task in range(2):
            for start, end in ((0, 3), (3, 5)):
                for t in range(start, end):
                    # Equation 16: a mean of estimates over numbers of steps.
                    expected = 0.0
                    for k in range(t, end):
                        known = after[task, k]
                        if k == end - 1 and terminated:
                            known = 0.0
                        expected += (discount * decay) ** (k - t) * (
                            rewards[task, k]
                            + discount * known
                            - values[task, k]
                        )
                    self.assertAlmostEqual(found[task, t], expected)

    def test_with_a_decay_of_one_they_are_returns_less_values(self):
        rewards, values = np.random.default_rng(1).normal(size=(2, 5))
        # What is seen after a step is what the next step sees.
        after = np.append(values[1:], 0.0)
        found = advantages.generalized_advantages(
            rewards, values, after, _ENDED, _ENDED, discount=0.9, decay=1.0
        )
        returns = advantages.discounted_sums(rewards, _ENDED, discount=0.9)
        np.testing.assert_allclose(found, returns - values)

    @parameterized.parameters(("discount", 1.5), ("decay", -0.1))
    def test_bad_share(self, name, share):
        given = {"discount": 0.9, "decay": 0.9} | {name: share}
        with self.assertRaisesRegex(errors.InputError, f"{name}={share}: exp"):
            advantages.generalized_advantages(*np.zeros((5, 3)), **given)


class LinearBaselineTest(absltest.TestCase):
    def test_each_task_has_what_is_linear_in_its_features(self):
        rng = np.random.default_rng(0)
        observations = rng.normal(size=(2, 140, 3))
        times = np.broadcast_to(np.arange(140) % 7, (2, 140))

        def returns_of(observations, times):
            slopes = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
            return (
                np.einsum("tso,to->ts", observations, slopes)
                + observations[..., 0] ** 2
                + 0.4 * times
                + 3
            )

        baseline = baselines.LinearBaseline()
        np.testing.assert_array_equal(baseline(observations, times), 0)
        baseline.fit(observations, times, returns_of(observations, times))
        new = rng.normal(size=(2, 7, 3))
        np.testing.assert_allclose(
            baseline(new, times[:, :7]),
            returns_of(new, times[:, :7]),
            atol=1e-2,
        )

    def test_far_observations_are_clipped(self):
        baseline = baselines.LinearBaseline()
        observations = np.random.default_rng(0).normal(size=(140, 1))
        times = np.arange(140) % 7
        baseline.fit(observations, times, observations[..., 0])
        np.testing.assert_allclose(
            baseline(np.full((7, 1), 1e6), times[:7]),
            baseline(np.full((7, 1), 10), times[:7]),
        )

    def test_ridge(self):
        with self.assertRaisesRegex(errors.InputError, "ridge=0"):
            baselines.LinearBaseline(0)


if __name__ == "__main__":
    absltest.main()

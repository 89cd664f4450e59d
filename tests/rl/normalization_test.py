"""Running statistics against NumPy's of all that was seen."""

import json

import numpy as np
from absl.testing import absltest

from tfmeta import errors
from tfmeta.rl import normalization


class RunningNormalizerTest(absltest.TestCase):
    def test_it_is_the_normalization_by_all_that_was_seen(self):
        rng = np.random.default_rng(0)
        seen = rng.normal([3.0, -200, 0], [1, 30, 1e-3], (60, 3))
        made = normalization.RunningNormalizer(3)
        for part in np.split(seen, [1, 5, 30]):
            made.add(part)
        new = rng.normal([3.0, -200, 0], [1, 30, 1e-3], (7, 2, 3))
        expected = (new - seen.mean(0)) / np.sqrt(seen.var(0) + 1e-8)
        found = made(new)
        self.assertEqual(found.dtype, np.float32)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            made.apply(new.astype(np.float32)), found, rtol=1e-6
        )

    def test_before_anything_was_seen(self):
        made = normalization.RunningNormalizer(2)
        np.testing.assert_allclose(
            made(np.array([[0.5, 70.0]])), [[0.5, normalization.LIMIT]]
        )

    def test_state_comes_back_from_json_exactly(self):
        rng = np.random.default_rng(0)
        one, other = (normalization.RunningNormalizer(2) for _ in range(2))
        one.add(rng.normal(size=(5, 2)))
        other.set_state(json.loads(json.dumps(one.state())))
        for each in (one, other):
            each.add(np.full((3, 2), 1 / 3))
        self.assertEqual(one.state(), other.state())
        with self.assertRaisesRegex(errors.InputError, "of 2 numbers, expec"):
            normalization.RunningNormalizer(3).set_state(one.state())


class RewardNormalizerTest(absltest.TestCase):
    def test_absolute_rewards_are_one_on_average(self):
        seen = np.random.default_rng(0).normal([3.0, -200], [1, 30], (50, 2))
        made = normalization.RewardNormalizer(2)
        for rewards in seen:
            made.add(rewards)
        found = made(seen.T)
        np.testing.assert_allclose(np.abs(found).mean(1), [1, 1], rtol=1e-5)
        np.testing.assert_allclose(
            found, seen.T / np.abs(seen).mean(0)[:, np.newaxis], rtol=1e-5
        )

    def test_nothing_is_divided_by_nothing(self):
        made = normalization.RewardNormalizer(2)
        np.testing.assert_array_equal(made(np.ones((2, 3))), np.ones((2, 3)))
        made.add(np.array([0.0, 4.0]))
        np.testing.assert_array_equal(
            made(np.array([[0.0], [2.0]])), [[0], [0.5]]
        )

    def test_state_comes_back_from_json_exactly(self):
        one, other = (normalization.RewardNormalizer(2) for _ in range(2))
        one.add(np.array([1 / 3, -0.1]))
        other.set_state(json.loads(json.dumps(one.state())))
        for each in (one, other):
            each.add(np.array([0.7, 2 / 3]))
        self.assertEqual(one.state(), other.state())
        with self.assertRaisesRegex(errors.InputError, "of 2 tasks, expected"):
            normalization.RewardNormalizer(3).set_state(one.state())


if __name__ == "__main__":
    absltest.main()

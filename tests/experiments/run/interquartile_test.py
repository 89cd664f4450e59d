"""The interquartile mean and its bootstrap, against other ways to them."""

import itertools

import numpy as np
from absl.testing import absltest, parameterized

from experiments.run import columns, contract, groups, interquartile
from tests.experiments import made_up


class InterquartileTest(parameterized.TestCase):
    @parameterized.parameters(1, 3, 4, 7, 8, 50)
    def test_it_is_the_trimmed_mean_of_scipy(self, count):
        try:
            from scipy import stats
        except ImportError:
            self.skipTest("scipy is not there")
        scores = np.random.default_rng(count).normal(size=(3, count))
        np.testing.assert_allclose(
            interquartile.interquartile_mean(scores),
            [stats.trim_mean(row, 0.25) for row in scores],
        )

    def test_outliers_do_not_count(self):
        self.assertEqual(
            interquartile.estimate([[0, 1, 1, 0], [1, 1, 0, 1]]).mean, 0.75
        )
        self.assertEqual(
            interquartile.estimate([[5, 5, -1e9, 1e9], [5, 5, 5, 5]]).mean, 5
        )

    def test_the_interval_is_that_of_all_that_can_be_drawn(self):
        scores = np.array([[0.1, 0.9], [0.4, 0.5], [0.7, 0.2]])
        # 27 draws of the runs of either task, each as likely as the other.
        of_task = list(itertools.product(range(3), repeat=3))
        means = [
            interquartile.interquartile_mean(
                np.concatenate([scores[list(one), 0], scores[list(two), 1]])
            )
            for one, two in itertools.product(of_task, repeat=2)
        ]
        found = interquartile.estimate(scores)
        self.assertAlmostEqual(found.low, np.quantile(means, 0.025), delta=0.03)
        self.assertAlmostEqual(
            found.high, np.quantile(means, 0.975), delta=0.03
        )
        self.assertLess(found.low, found.mean)
        self.assertLess(found.mean, found.high)

    def test_tasks_are_drawn_independently_of_one_another(self):
        # Drawn as rows, runs would always add up to one.
        found = interquartile.estimate([[0, 1], [1, 0]] * 2)
        self.assertEqual(found.mean, 0.5)
        self.assertEqual((found.low, found.high), (0, 1))

    def test_the_seed_fixes_it_and_one_run_has_no_spread(self):
        scores = np.random.default_rng(1).uniform(size=(5, 10))
        self.assertEqual(
            interquartile.estimate(scores), interquartile.estimate(scores)
        )
        one = interquartile.estimate(scores[:1])
        self.assertEqual(one.low, one.mean)
        self.assertEqual(one.high, one.mean)


class ColumnTest(absltest.TestCase):
    def show(self, *of_runs):
        (group,) = groups.collect(
            [
                made_up.shapes(
                    seed=seed,
                    metrics={
                        f"share/{part}": made_up.estimate(score)
                        for part, score in zip("abcd", scores, strict=False)
                    },
                )
                for seed, scores in enumerate(of_runs)
            ],
            made_up.SHAPES,
        )
        column = contract.Column("IQM", "share/", show="interquartile")
        return columns.show(column, group).text

    def test_it_is_over_seeds_and_parts(self):
        self.assertEqual(
            self.show([0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1]), "50.0 (50.0 to 50.0)"
        )

    def test_of_one_seed_there_is_no_interval(self):
        self.assertEqual(self.show([0, 0.5, 0.5, 1]), "50.0")

    def test_of_no_or_different_parts_there_is_none(self):
        self.assertEqual(self.show([]), "")
        self.assertEqual(self.show([1.0], [1.0, 0.5]), "")


if __name__ == "__main__":
    absltest.main()

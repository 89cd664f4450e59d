"""The landscape of the tragic triad, and Theorem 2."""

import keras
import numpy as np
from absl.testing import absltest

from experiments import tragic_triad
from tfmeta.optimizers import linear_scalarization, pcgrad


class LandscapeTest(absltest.TestCase):
    def test_values(self):
        first, second = tragic_triad.landscape(np.array([0.5, -3.0]))
        self.assertAlmostEqual(
            float(first), 20 * np.log(abs(0.25 + np.tanh(-3.0)))
        )
        self.assertAlmostEqual(
            float(second), 25 * np.log(abs(0.25 - np.tanh(-3.0) + 2))
        )

    def test_each_task_has_a_floor(self):
        # tanh(0) = 0: on the bottom of the first task's valley.
        first, second = tragic_triad.landscape(np.array([0.0, 0.0]))
        self.assertAlmostEqual(float(first), 20 * np.log(5e-6))
        self.assertAlmostEqual(float(second), 25 * np.log(2.0))

    def test_adam_stops_in_the_valley_that_pcgrad_walks_through(self):
        ends = {
            method: sum(
                float(loss)
                for loss in tragic_triad.landscape(
                    tragic_triad.descend(
                        method(keras.optimizers.Adam(1e-3)), 300_000
                    )[-1]
                )
            )
            for method in (
                linear_scalarization.LinearScalarization,
                pcgrad.PCGrad,
            )
        }
        self.assertLess(
            ends[pcgrad.PCGrad],
            ends[linear_scalarization.LinearScalarization] - 50,
        )


class Theorem2Test(absltest.TestCase):
    def test_holds_where_its_conditions_do_and_not_everywhere(self):
        counts = tragic_triad.check_theorem_2(50_000, seed=3)
        self.assertGreater(counts.conditions_met, 1000)
        self.assertEqual(counts.conclusion_holds, counts.conditions_met)
        self.assertLess(counts.conclusion_holds_otherwise, 0.9)


if __name__ == "__main__":
    absltest.main()

"""The landscape of the tragic triad, and Theorem 2."""

import keras
import numpy as np
from absl.testing import absltest

from experiments.landscape import descent, experiment, theorem
from tests.experiments import commands
from tfmeta.optimizers import linear_scalarization, pcgrad


class LandscapeTest(absltest.TestCase):
    def test_values(self):
        first, second = descent.landscape(np.array([0.5, -3.0]))
        self.assertAlmostEqual(
            float(first), 20 * np.log(abs(0.25 + np.tanh(-3.0)))
        )
        self.assertAlmostEqual(
            float(second), 25 * np.log(abs(0.25 - np.tanh(-3.0) + 2))
        )

    def test_each_task_has_a_floor(self):
        # tanh(0) = 0: on the bottom of the first task's valley.
        first, second = descent.landscape(np.array([0.0, 0.0]))
        self.assertAlmostEqual(float(first), 20 * np.log(5e-6))
        self.assertAlmostEqual(float(second), 25 * np.log(2.0))

    def test_adam_stops_in_the_valley_that_pcgrad_walks_through(self):
        ends = {
            method: sum(
                float(loss)
                for loss in descent.landscape(
                    descent.descend(
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


class CommandTest(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT

    def test_a_run_leaves_everything(self):
        results = self.run_command("--steps=20", "--quadratics=1000")
        adam, pcgrad, tried = results["rows"]
        for row in (adam, pcgrad):
            metrics = row["metrics"]
            self.assertAlmostEqual(
                metrics["loss"]["mean"],
                metrics["loss/1"]["mean"] + metrics["loss/2"]["mean"],
            )
            self.assertEqual(row["settings"], {"learning_rate": 1e-3})
        self.assertEqual(tried["metrics"]["pairs"]["mean"], 1000)
        self.assertGreater((self.out / "landscape.png").stat().st_size, 1000)


class Theorem2Test(absltest.TestCase):
    def test_holds_where_its_conditions_do_and_not_everywhere(self):
        counts = theorem.check_theorem_2(50_000, seed=3)
        self.assertGreater(counts.conditions_met, 1000)
        self.assertEqual(counts.conclusion_holds, counts.conditions_met)
        self.assertLess(counts.conclusion_holds_otherwise, 0.9)


if __name__ == "__main__":
    absltest.main()

"""Training of tasks together: what is evaluated, and how a kill ends."""

import functools
import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.multitask import experiment
from tests.experiments import commands, killed_runs
from tests.experiments.multitask import cases


def setUpModule():
    # As the command: without XLA, whose compilation takes its time.
    tf.config.experimental.enable_op_determinism()


class RunMethodTest(parameterized.TestCase):
    def run_method(self, name, out, steps=4, steps_per_epoch=2):
        return commands.run_method(
            experiment.EXPERIMENT,
            cases.small_data(3, "crop_flip", seed=1),
            name,
            out,
            {
                "steps": steps,
                "steps_per_epoch": steps_per_epoch,
                "eval_splits": ("validation", "test"),
            },
            {"filters": 3, "units": (4, 4), "learning_rate": 0.01},
            seed=1,
        )

    def test_a_killed_run_ends_as_if_it_had_not_been(self):
        # It draws decisions and orders, and learns policies.
        name = "routing_pcgrad"
        killed_runs.assert_ends_as_if_it_had_not_been(
            self, name, functools.partial(self.run_method, name)
        )

    def test_learns_and_leaves_scores_of_each_task_and_conflicts(self):
        out = pathlib.Path(self.create_tempdir().full_path)
        outcome = self.run_method("pcgrad", out, 40, 20)
        self.assertEqual(list(outcome["scores"]), ["validation", "test"])
        for scores, images in zip(
            outcome["scores"].values(), (3 * 6, 3 * 8), strict=True
        ):
            self.assertEqual(scores["accuracy"]["count"], images)
            self.assertAlmostEqual(
                scores["accuracy"]["mean"],
                np.mean(
                    [
                        share["mean"]
                        for name, share in scores.items()
                        if name.startswith("accuracy/")
                    ]
                ),
            )
        scores = outcome["scores"]
        self.assertGreater(scores["test"]["accuracy"]["mean"], 0.8)
        self.assertBetween(
            outcome["metrics"]["conflicting_pairs"]["mean"], 0, 1
        )
        cosines = np.array(outcome["cosines"])
        np.testing.assert_allclose(np.diag(cosines), 1, rtol=1e-6)
        self.assertAlmostEqual(
            np.mean(cosines[np.triu_indices(len(cosines), 1)]),
            outcome["curve"][-1]["gradient_cosine"],
        )
        self.assertEqual([p["step"] for p in outcome["curve"]], [20, 40])
        # One accuracy in the place of one for each task.
        self.assertContainsSubset(
            {"loss", "accuracy", "val_loss", "val_accuracy"},
            outcome["curve"][0],
        )
        for name in ("task0_loss", "val_task0_accuracy"):
            self.assertNotIn(name, outcome["curve"][0])
        self.assertAlmostEqual(
            outcome["curve"][-1]["val_accuracy"],
            scores["validation"]["accuracy"]["mean"],
            places=6,
        )
        self.assertFalse((out / "pcgrad" / "checkpoints").exists())


if __name__ == "__main__":
    absltest.main()

"""The command on sinusoids, in this process."""

import json
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.run import contract
from experiments.sinusoids import experiment
from tests.experiments import commands, killed_runs
from tfmeta import errors, tasks
from tfmeta.training import checkpoints


class CommandTest(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT
    small = (
        "--steps=4",
        "--steps_per_epoch=2",
        "--meta_batch_size=2",
        "--eval_tasks=4",
        "--inner_steps=1",
        "--test_inner_steps=2",
    )

    def test_a_run_leaves_everything(self):
        argv = ("--methods=maml,mr_cnp_w", "--shots=10")

        def published(method, mean, std):
            return contract.Published(method, {"shots": 10}, mean, std)

        results = self.run_command(*argv)
        self.assertEqual(
            [
                (
                    row["method"],
                    row["split"],
                    self.experiment.find_published(
                        row["method"], row["problem"], row["split"]
                    ),
                )
                for row in results["rows"]
            ],
            [
                ("maml", "meta-train", None),
                ("maml", "meta-validation", None),
                ("maml", "meta-test", published("maml", 0.13, 0.01)),
                ("mr_cnp_w", "meta-train", None),
                ("mr_cnp_w", "meta-validation", None),
                ("mr_cnp_w", "meta-test", published("mr_cnp_w", 0.09, 0.01)),
            ],
        )
        for row in results["rows"]:
            self.assertEqual(
                (row["experiment"], row["problem"], row["seed"]),
                ("sinusoid", {"shots": 10}, 0),
            )
            self.assertEqual(row["budget"]["steps"], 4)
            metrics = row["metrics"]
            for kind in ("", "_before_adaptation", "_with_other_support"):
                self.assertGreater(metrics[f"mse{kind}"]["mean"], 0)
                self.assertEqual(metrics[f"mse{kind}"]["count"], 4)
            if row["method"] == "mr_cnp_w":
                self.assertBetween(metrics["pac_bayes_error"]["mean"], 0, 1)
                self.assertGreater(metrics["pac_bayes_bound"]["mean"], 1)
                self.assertEqual(row["notes"], {"pac_bayes": "vacuous"})
            else:
                self.assertNotIn("pac_bayes_bound", metrics)
                self.assertEqual(row["notes"], {})
        for name in ("curves.png", "adapted.png"):
            self.assertGreater((self.out / name).stat().st_size, 1000)
        with self.subTest("a learner that adapts without this library"):
            loaded = tf.saved_model.load(self.out / "maml" / "saved_model")
            episode = next(iter(tasks.sample_sinusoids(shots=10)))
            predictions = loaded.signatures["serving_default"](
                support_x=episode.support_x,
                support_y=episode.support_y,
                query_x=episode.query_x,
            )["predictions"]
            self.assertEqual(predictions.shape, episode.query_y.shape)
        with self.subTest("the same command again does nothing over"):
            with mock.patch.object(checkpoints.Checkpoints, "save") as save:
                self.run_command(*argv)
            save.assert_not_called()
            self.assertEqual(
                json.loads((self.out / "results.json").read_text()), results
            )
        with (
            self.subTest("a folder of another run is left alone"),
            self.assertRaisesRegex(
                errors.InputError, "--shots was 10 and is 5"
            ),
        ):
            self.run_command("--methods=maml", "--shots=5")

    def test_a_killed_run_ends_as_if_it_had_not_been(self):
        # A bottleneck's draws are among what is killed on poses.
        killed_runs.assert_ends_as_if_it_had_not_been(
            self,
            "mr_maml_w",
            lambda out: self.run_command("--methods=mr_maml_w", out=out),
        )

    @parameterized.named_parameters(
        ("method", "--methods: 'mamml' is unknown.*maml", "--methods=mamml"),
        ("no_method", "--methods: expected at least one", "--methods="),
        ("shots", "--shots=0", "--shots=0"),
        ("queries", "--queries=0", "--queries=0"),
        ("steps", "--steps=7: expected a multiple", "--steps=7"),
        ("one_task", "--meta_batch_size=1", "--meta_batch_size=1"),
        ("splits", "--eval_splits: 'test' is unk", "--eval_splits=test"),
        ("rate", "inner_learning_rate", "--inner_learning_rate=0"),
        ("nan", "beta", "--beta=nan"),
    )
    def test_mistake(self, message, *argv):
        self.assert_mistake(message, *argv)


def _problem(seed):
    return experiment.Sinusoids({"shots": 3, "queries": 4, "seed": seed})


class ProblemTest(absltest.TestCase):
    def test_streams_do_not_overlap(self):
        problems = [_problem(seed) for seed in (0, 1)]
        places = [
            next(stream.batch(50).as_numpy_iterator()).support_x[..., 0]
            for problem in problems
            for stream in (
                problem.train_episodes(start=0),
                problem.train_episodes(start=50),
                problem.validation_episodes(),
                *map(
                    problem.eval_episodes,
                    ("meta-train", "meta-validation", "meta-test"),
                ),
            )
        ]
        self.assertGreater(len(np.unique(places)), 0.99 * np.size(places))

    def test_ids_tell_the_amplitude_in_training_alone(self):
        problem = _problem(0)

        def error(stream):
            """Of who trusts the id."""
            drawn = next(stream.batch(50).as_numpy_iterator())
            named = np.linspace(0.1, 4, 20)[drawn.query_x[..., 1:].argmax(-1)]
            predictions = named * np.sin(drawn.query_x[..., 0])
            return np.mean((drawn.query_y[..., 0] - predictions) ** 2)

        for stream in (
            problem.train_episodes(start=0),
            problem.eval_episodes("meta-train"),
        ):
            self.assertLess(error(stream), 0.02)
        for stream in (
            problem.validation_episodes(),
            problem.eval_episodes("meta-validation"),
            problem.eval_episodes("meta-test"),
        ):
            self.assertGreater(error(stream), 0.5)


if __name__ == "__main__":
    absltest.main()

"""The main experiment: what a run leaves, kills of its process, mistakes."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

import numpy as np
from absl import flags
from absl.testing import absltest, parameterized

from experiments.few_shot import experiment
from tests.experiments import commands
from tfmeta import errors
from tfmeta.training import callbacks, checkpoints

_SMALL = (
    "--ways=3",
    "--filters=4",
    "--steps=6",
    "--steps_per_epoch=2",
    "--meta_batch_size=2",
    "--eval_tasks=4",
)


class CommandTest(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT
    small = _SMALL
    first_run: pathlib.Path

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.first_run = pathlib.Path(folder, "run")

    def copy_a_run(self):
        """Makes the folder of a run; returns the command line's flags."""
        argv = ("--methods=control", "--steps=2")
        if not self.first_run.exists():
            self.run_command(*argv, out=self.first_run)
        shutil.copytree(self.first_run, self.out)
        return argv

    def test_a_run_leaves_everything(self):
        results = self.run_command("--methods=mr_maml_w,versa")
        self.assertLen(results["rows"], 2 * 3)
        for row in results["rows"]:
            metrics = row["metrics"]
            for key in (
                "accuracy",
                "accuracy_before_adaptation",
                "accuracy_with_other_support",
            ):
                self.assertBetween(metrics[key]["mean"], 0, 1)
                self.assertEqual(metrics[key]["count"], 4)
            self.assertGreater(metrics["nll"]["mean"], 0)
            self.assertBetween(metrics["ece"]["mean"], 0, 1)
            problem = row["problem"]
            self.assertEqual(
                (problem["dataset"], problem["ways"], problem["shots"]),
                ("glyphs", 3, 1),
            )
            self.assertEqual((row["schema"], row["seed"]), (2, 0))
            if row["method"] == "mr_maml_w":
                self.assertEqual(row["notes"], {"pac_bayes": "vacuous"})
                self.assertGreater(
                    metrics["pac_bayes_bound"]["mean"],
                    metrics["pac_bayes_error"]["mean"],
                )
                self.assertEqual(
                    metrics["pac_bayes_weights"]["mean"],
                    9 * 4 + 3 * 9 * 4 * 4,
                )
            else:
                self.assertNotIn("pac_bayes_bound", metrics)
        self.assertEqual(
            {row["split"] for row in results["rows"]},
            {"meta-train", "meta-validation", "meta-test"},
        )
        self.assertContainsSubset(
            {"tensorflow", "keras", "python"}, results["versions"]
        )
        for name in ("accuracy.png", "curves.png"):
            self.assertGreater((self.out / name).stat().st_size, 1000)
        for method in ("mr_maml_w", "versa"):
            for name in (
                "saved_model/saved_model.pb",
                "learner.keras",
                "tensorboard",
            ):
                self.assertTrue((self.out / method / name).exists(), name)

    def test_a_folder_of_another_run_is_left_alone(self):
        argv = self.copy_a_run()
        results = self.read_results()
        with self.assertRaisesRegex(errors.InputError, "--seed was 0 and is 1"):
            self.run_command(*argv, "--seed=1")
        self.assertEqual(self.read_results(), results)
        with self.subTest("the same command again does nothing over"):
            with mock.patch.object(checkpoints.Checkpoints, "save") as save:
                self.run_command(*argv)
            save.assert_not_called()
        with self.subTest("and one of another version is refused in a line"):
            config = self.out / "config.json"
            config.write_text(
                config.read_text().replace('"schema": 2', '"schema": 3')
            )
            with self.assertRaisesRegex(
                errors.InputError,
                "^--out=.*config.json: has version 3; .* reads version 2$",
            ):
                self.run_command(*argv)

    def test_divergence_is_reported(self):
        with self.assertRaisesRegex(
            callbacks.DivergenceError,
            "the loss is (nan|inf) at step .*learning rate",
        ):
            self.run_command("--methods=control", "--inner_learning_rate=1e30")

    def test_checkpoint_of_another_network(self):
        argv = self.copy_a_run()
        (self.out / "control" / "outcome.json").unlink()
        (checkpoint,) = (self.out / "control" / "checkpoints").glob("step-*")
        with (checkpoint / "variables.npz").open("wb") as file:
            np.savez(file, **{"0000": np.zeros(3)})
        with self.assertRaisesRegex(
            errors.InputError, "checkpoint .* another network"
        ):
            self.run_command(*argv)


class ProcessTest(absltest.TestCase):
    """The command as a user runs it, in a process that can be killed."""

    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(self.create_tempdir().full_path, "run")

    def start(self, out):
        environment = {
            **os.environ,
            "TFMETA_CACHE_DIR": f"{absltest.TEST_TMPDIR.value}/cache",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        return subprocess.Popen(
            [
                sys.executable,
                *("-m", "experiments.nme_classification"),
                *(f"--out={out}", *_SMALL),
                *("--methods=control", "--steps=40"),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, out):
        process = self.start(out)
        stdout, stderr = process.communicate()
        self.assertEqual(process.returncode, 0, stderr)
        self.assertEqual(stderr, "", "TensorFlow's chatter")
        return stdout

    def test_killed_runs_end_as_if_they_had_not_been(self):
        whole = self.out.parent / "whole"
        self.assertIn("control", self.finish(whole))
        # Killed in the middle of training.
        process = self.start(self.out)
        folder = self.out / "control" / "checkpoints"
        while process.poll() is None and not any(folder.glob("step-*")):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertIn("Going on from step", self.finish(self.out))
        for ours, theirs in zip(
            self._results(self.out), self._results(whole), strict=True
        ):
            self.assertEqual(ours, theirs)
        ours, theirs = self._weights(self.out), self._weights(whole)
        self.assertEqual(ours.keys(), theirs.keys())
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name])

    def _results(self, out):
        rows = json.loads((out / "results.json").read_text())["rows"]
        for row in rows:
            del row["seconds"]
        return rows

    def _weights(self, out):
        (latest,) = (out / "control" / "checkpoints").glob("step-*")
        with np.load(latest / "variables.npz", allow_pickle=False) as archive:
            return dict(archive)


class MistakesTest(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT

    @parameterized.named_parameters(
        ("method", "--methods: 'mamml' is unknown.*maml", "--methods=mamml"),
        ("no_method", "--methods: expected at least one", "--methods="),
        ("dataset", "--dataset=cifar.*glyphs", "--dataset=cifar"),
        ("construction", "--construction=x", "--construction=x"),
        ("too_many_ways", "ways.*500", "--ways=500"),
        ("too_many_shots", "shots.*", "--shots=20"),
        ("zero_ways", "--ways=0", "--ways=0"),
        ("negative_steps", "--steps=-1", "--steps=-1"),
        ("steps", "--steps=150: expected a multiple", "--steps=150"),
        ("nan", "inner_learning_rate", "--inner_learning_rate=nan"),
        ("zero_rate", "inner_learning_rate", "--inner_learning_rate=0"),
        ("negative_beta", "beta", "--beta=-1"),
        ("flag", "metod.*methods", "--metod=maml"),
        (
            "data_dir",
            "data_dir.*missing",
            "--dataset=omniglot",
            "--data_dir=/missing/folder",
        ),
    )
    def test_flag(self, message, *argv):
        with self.assertRaisesRegex((errors.InputError, flags.Error), message):
            self.run_command(*argv)

    def test_occupied_folder(self):
        self.out.mkdir()
        (self.out / "thesis.tex").write_text("precious")
        with self.assertRaisesRegex(
            errors.InputError, "holds files but no run"
        ):
            self.run_command()
        self.assertEqual((self.out / "thesis.tex").read_text(), "precious")

    def test_folder_that_is_a_file(self):
        self.out.write_text("")
        with self.assertRaisesRegex(
            errors.InputError, "--out=.*cannot be written"
        ):
            self.run_command()

    def test_corrupt_config(self):
        self.out.mkdir()
        (self.out / "config.json").write_text("{")
        with self.assertRaisesRegex(
            errors.InputError, "--out=.*config.json cannot be read"
        ):
            self.run_command()


if __name__ == "__main__":
    absltest.main()

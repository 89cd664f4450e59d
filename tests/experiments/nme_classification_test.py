"""The main experiment as a user runs it: processes, kills and mistakes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from experiments import nme_classification
from tfmeta import errors

_SMALL = (
    "--ways=3",
    "--filters=4",
    "--steps=6",
    "--steps_per_epoch=2",
    "--meta_batch_size=2",
    "--eval_tasks=4",
)


def _command(*argv):
    return [sys.executable, "-m", "experiments.nme_classification", *argv]


class CommandTest(absltest.TestCase):
    _environment: dict[str, str]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The letters are rendered once for all processes of the test.
        cls._environment = {
            **os.environ,
            "TFMETA_CACHE_DIR": str(
                pathlib.Path(absltest.TEST_TMPDIR.value, "cache")
            ),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        cls._environment.pop("TF_CPP_MIN_LOG_LEVEL", None)

    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(self.create_tempdir().full_path, "run")

    def run_command(self, *argv, out=None):
        return subprocess.run(
            _command(f"--out={out or self.out}", *argv),
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def assert_fails(self, message, *argv, **kwargs):
        result = self.run_command(*argv, **kwargs)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertNotIn("Traceback", result.stderr)
        self.assertRegex(result.stderr, message)

    def test_a_run_leaves_everything(self):
        result = self.run_command(
            *_SMALL,
            "--methods=taml,mr_maml_w,mr_maml_a,control_weight_decay,llama,"
            "versa,mann",
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "", "TensorFlow's chatter")
        self.assertIn("MR-MAML(W)", result.stdout)
        results = json.loads((self.out / "results.json").read_text())
        self.assertLen(results["rows"], 7 * 3)
        for row in results["rows"]:
            for key in (
                "accuracy",
                "accuracy_before_adaptation",
                "accuracy_with_other_support",
            ):
                self.assertBetween(row[key]["mean"], 0, 1)
                self.assertEqual(row[key]["tasks"], 4)
            self.assertGreater(row["nll"]["mean"], 0)
            self.assertBetween(row["ece"], 0, 1)
            self.assertEqual(
                (row["dataset"], row["ways"], row["shots"], row["seed"]),
                ("glyphs", 3, 1, 0),
            )
            if row["method"] == "mr_maml_w":
                bound = row["pac_bayes"]
                self.assertTrue(bound["vacuous"])
                self.assertGreater(bound["bound"], bound["error"]["mean"])
                self.assertEqual(bound["weights"], 9 * 4 + 3 * 9 * 4 * 4)
                self.assertIn(f"{bound['bound']:.3g} (delta", result.stdout)
            else:
                self.assertIsNone(row["pac_bayes"])
        self.assertEqual(
            {row["split"] for row in results["rows"]},
            {"meta-train", "meta-validation", "meta-test"},
        )
        self.assertContainsSubset(
            {"tensorflow", "keras", "python"}, results["versions"]
        )
        for name in ("accuracy.png", "curves.png"):
            self.assertGreater((self.out / name).stat().st_size, 1000)
        for method in ("taml", "mr_maml_w", "mr_maml_a", "llama", "mann"):
            for name in (
                "saved_model/saved_model.pb",
                "learner.keras",
                "tensorboard",
            ):
                self.assertTrue((self.out / method / name).exists(), name)

    def test_killed_runs_end_as_if_they_had_not_been(self):
        argv = (*_SMALL, "--methods=mr_maml_w", "--steps=40")
        whole = self.out.parent / "whole"
        self.assertEqual(self.run_command(*argv, out=whole).returncode, 0)
        # Killed in the middle of training, twice.
        for checkpoint in (4, 20):
            process = subprocess.Popen(
                _command(f"--out={self.out}", *argv),
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            checkpoints = self.out / "mr_maml_w" / "checkpoints"
            while process.poll() is None and not any(
                int(path.name.removeprefix("step-")) >= checkpoint
                for path in checkpoints.glob("step-*")
            ):
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            self.assertEqual(process.wait(), -signal.SIGKILL)
        result = self.run_command(*argv)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Going on from step", result.stdout)
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
        (latest,) = (out / "mr_maml_w" / "checkpoints").glob("step-*")
        with np.load(latest / "variables.npz", allow_pickle=False) as archive:
            return dict(archive)

    def test_a_folder_of_another_run_is_left_alone(self):
        argv = (*_SMALL, "--methods=control", "--steps=2")
        self.assertEqual(self.run_command(*argv).returncode, 0)
        before = (self.out / "results.json").read_bytes()
        self.assert_fails("--seed was 0 and is 1", *argv, "--seed=1")
        self.assertEqual((self.out / "results.json").read_bytes(), before)
        with self.subTest("an argument"):
            self.assert_fails("^error: unexpected argument 'maml'", "maml")
        with self.subTest("a flag"):
            self.assert_fails("FATAL.*--ways=0", "--ways=0")
        with self.subTest("the same command again does nothing over"):
            result = self.run_command(*argv)
            self.assertIn("Done before", result.stdout)

    def test_divergence_is_told(self):
        self.assert_fails(
            "error: the loss is (nan|inf) at step .*learning rate",
            *_SMALL,
            "--methods=control",
            "--inner_learning_rate=1e30",
        )

    def test_checkpoint_of_another_network(self):
        argv = (*_SMALL, "--methods=control", "--steps=2")
        self.assertEqual(self.run_command(*argv).returncode, 0)
        (self.out / "control" / "outcome.json").unlink()
        (checkpoint,) = (self.out / "control" / "checkpoints").glob("step-*")
        with (checkpoint / "variables.npz").open("wb") as file:
            np.savez(file, **{"0000": np.zeros(3)})
        self.assert_fails("checkpoint .* another network", *argv)


class MistakesTest(parameterized.TestCase):
    """The messages alone; `CommandTest` sees how a process tells them."""

    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(self.create_tempdir().full_path, "run")
        self.enter_context(flagsaver.flagsaver())

    def assert_fails(self, message, *argv):
        with self.assertRaisesRegex((errors.InputError, flags.Error), message):
            flags.FLAGS(["command", f"--out={self.out}", *argv])
            nme_classification.main()

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
        self.assert_fails(message, *argv)

    def test_occupied_folder(self):
        self.out.mkdir()
        (self.out / "thesis.tex").write_text("precious")
        self.assert_fails("holds files but no run")
        self.assertEqual((self.out / "thesis.tex").read_text(), "precious")

    def test_folder_that_is_a_file(self):
        self.out.write_text("")
        self.assert_fails("--out=.*cannot be written")

    def test_corrupt_config(self):
        self.out.mkdir()
        (self.out / "config.json").write_text("{")
        self.assert_fails("--out=.*config.json cannot be read")


if __name__ == "__main__":
    absltest.main()

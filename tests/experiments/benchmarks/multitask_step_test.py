"""The command, run small: what it measures, skips and refuses."""

import contextlib
import io
import json
import os
import pathlib
from unittest import mock

from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from experiments.benchmarks import multitask_step
from tfmeta import errors


def setUpModule():
    flags.FLAGS.mark_as_parsed()


class CommandTest(parameterized.TestCase):
    def _run(self, **given):
        """Returns what the command prints to stdout."""
        stdout = io.StringIO()
        with (
            flagsaver.flagsaver(**given),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            multitask_step.main()
        return stdout.getvalue()

    def test_it_measures_what_is_there_and_names_what_is_not(self):
        folder = pathlib.Path(self.create_tempdir().full_path)
        (folder / "torch.py").write_text("raise ImportError('no torch here')")
        out = folder / "results.json"
        with mock.patch.dict(os.environ, PYTHONPATH=str(folder)):
            stdout = self._run(
                workloads=["aggregation", "weights"],
                parameters=50,
                rounds=2,
                steps_per_round=1,
                out=str(out),
            )
        results = json.loads(out.read_text())
        self.assertEqual(
            [(row["workload"], row["contender"]) for row in results["rows"]],
            [
                ("aggregation", "gramian"),
                ("aggregation", "numpy_flat"),
                ("weights", "gramian"),
            ],
        )
        for row in results["rows"]:
            self.assertLen(row["round_ms"], 2)
            self.assertGreater(row["peak_mb"], 10)
        self.assertEqual(results["benchmark"], "multitask_step")
        self.assertEqual(results["sizes"]["parameters"], 50)
        self.assertIn("tensorflow", results["rows"][0]["versions"])
        self.assertIn("commit", results["machine"])
        self.assertEqual(
            results["skipped"],
            {"torch_flat": "no torch here", "torchjd": "no torch here"},
        )
        self.assertIn("| as published, NumPy ", stdout)
        self.assertIn("Skipped: torch_flat (no torch here), torchjd", stdout)

    @parameterized.parameters(
        ({"workloads": ["speed"]}, "--workloads: 'speed' is unknown"),
        (
            {"workloads": ["memory"], "contenders": ["torchjd"]},
            "--contenders: none of them takes part in --workloads=memory",
        ),
        ({"units": ["32", "0"]}, "--units=32,0: expected positive integers"),
        ({"out": "/nowhere/results.json"}, "--out=/nowhere/results.json: "),
    )
    def test_mistakes(self, given, message):
        with self.assertRaisesRegex(errors.InputError, f"^{message}"):
            self._run(**given)


if __name__ == "__main__":
    absltest.main()

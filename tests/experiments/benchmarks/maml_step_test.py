"""The command, run small: what it measures, skips and refuses."""

import contextlib
import io
import json
import os
import pathlib
import sys
from unittest import mock

from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from experiments.benchmarks import maml_step, process, workloads
from tfmeta import errors


def setUpModule():
    flags.FLAGS.mark_as_parsed()


class CommandTest(parameterized.TestCase):
    def _run(self, **given):
        """Returns what the command prints to stdout and stderr."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            flagsaver.flagsaver(**given),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            maml_step.main()
        return stdout.getvalue(), stderr.getvalue()

    def _hide(self, package):
        """Makes a package that cannot be imported; returns its folder."""
        folder = self.create_tempdir().full_path
        pathlib.Path(folder, f"{package}.py").write_text(
            f"raise ImportError('{package} is not here')"
        )
        return folder

    def test_it_measures_what_is_there_and_names_what_is_not(self):
        out = pathlib.Path(self.create_tempdir().full_path, "results.json")
        with mock.patch.dict(os.environ, PYTHONPATH=self._hide("torch")):
            stdout, stderr = self._run(
                workloads=["mlp"],
                contenders=["tfmeta", "learn2learn"],
                inner_steps=["2"],
                rounds=2,
                steps_per_round=1,
                out=str(out),
            )
        results = json.loads(out.read_text())
        (row,) = results["rows"]
        self.assertEqual((row["contender"], row["inner_steps"]), ("tfmeta", 2))
        self.assertLen(row["round_ms"], 2)
        self.assertGreater(row["first_step_seconds"], row["ms"] / 1e3)
        self.assertGreater(row["peak_mb"], 100)
        self.assertIn("tensorflow", row["versions"])
        self.assertGreater(results["matmul_gflops"], 0.1)
        self.assertEqual(
            results["skipped"], {"learn2learn": "torch is not here"}
        )
        self.assertIn("Skipped: learn2learn (torch is not here).", stdout)
        self.assertIn("| tfmeta ", stdout)
        self.assertIn("round 2 of 2", stderr)

    @parameterized.parameters(
        ({"workloads": ["conv5"]}, "--workloads: 'conv5' is unknown; .*conv4"),
        ({"contenders": ["theano"]}, "--contenders: 'theano' is unknown"),
        ({"contenders": [""]}, "--contenders: expected at least one"),
        (
            {"workloads": ["mlp"], "contenders": ["control"]},
            "--contenders: none of them takes part in --workloads=mlp",
        ),
        ({"inner_steps": ["1", "0"]}, "--inner_steps=1,0: expected positive"),
        ({"inner_steps": ["one"]}, "--inner_steps=one: expected positive"),
        ({"peer_python": "no_python"}, "--peer_python=no_python: .*no such"),
        ({"out": "/nowhere/results.json"}, "--out=/nowhere/results.json: "),
    )
    def test_mistakes(self, given, message):
        with self.assertRaisesRegex(errors.InputError, f"^{message}"):
            self._run(**given)


class ContestsTest(absltest.TestCase):
    def test_every_contender_takes_part(self):
        contests = workloads.contests(
            list(workloads.WORKLOADS),
            list(workloads.CONTENDERS),
            inner_steps=(1, 5),
            meta_batch_size=16,
        )
        self.assertLen(contests, 2 + 2 + 2 + 1 + 1)
        entries = [entry for contest in contests for entry in contest]
        self.assertLen(set(entries), len(entries))
        self.assertEqual(
            {entry.contender for entry in entries},
            {*workloads.CONTENDERS, "input"},
        )
        for entry in entries:
            self.assertTrue(entry.kind.module.exists())

    def test_those_who_were_not_chosen_stay_away(self):
        ((entry,),) = workloads.contests(
            ["conv4", "regularized"],
            ["jax_map"],
            inner_steps=(3,),
            meta_batch_size=7,
        )
        self.assertEqual(
            (entry.contender, entry.inner_steps, entry.tasks),
            ("jax_map", 3, 7),
        )


class WorkerProcessTest(absltest.TestCase):
    def test_a_worker_that_dies_says_why(self):
        entry = workloads.Entry("mlp", "tfmeta", "mlp", 2, 0, None)
        with self.assertRaisesRegex(
            RuntimeError, "status 1(.|\n)*inner_steps=0"
        ):
            process.WorkerProcess(
                entry.make_job(intra_op_threads=1, inter_op_threads=1),
                module=entry.kind.module,
                python=sys.executable,
            )


if __name__ == "__main__":
    absltest.main()

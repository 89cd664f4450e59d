"""The command, run small: what it measures and refuses."""

import contextlib
import io
import json
import pathlib

from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from experiments.benchmarks import environment_step
from tests import prerequisites
from tfmeta import errors


def setUpModule():
    prerequisites.package("metaworld")
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
            environment_step.main()
        return stdout.getvalue()

    def test_it_measures_and_finds_the_same_returns(self):
        out = pathlib.Path(self.create_tempdir().full_path, "results.json")
        stdout = self._run(
            workloads=["reach-v3"],
            horizon=20,
            rounds=2,
            steps_per_round=1,
            out=str(out),
        )
        results = json.loads(out.read_text())
        ours, package, physics = results["rows"]
        self.assertEqual(ours["first_loss"], package["first_loss"])
        self.assertEqual(physics["first_loss"], 0.0)
        self.assertGreater(package["ratio"], 1.0)
        self.assertAlmostEqual(
            results["geometric_means"]["package"], package["ratio"]
        )
        self.assertIn("metaworld", package["versions"])
        self.assertRegex(stdout, r"\| reach-v3 \| +metaworld \|")
        self.assertIn("geometric mean", stdout)

    @parameterized.parameters(
        ({"workloads": ["reach-v2"]}, "--workloads: 'reach-v2' is unknown"),
        ({"contenders": ["gym"]}, "--contenders: 'gym' is unknown"),
    )
    def test_mistakes(self, given, message):
        with self.assertRaisesRegex(errors.InputError, f"^{message}"):
            self._run(**given)


if __name__ == "__main__":
    absltest.main()

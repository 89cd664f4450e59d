"""The command, run small: what it measures and refuses, and its floor."""

import contextlib
import io
import json
import pathlib

from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from experiments.benchmarks import sac_floor, sac_report, sac_step
from tests import prerequisites
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
            sac_step.main()
        return stdout.getvalue()

    def test_it_measures(self):
        prerequisites.package("gymnasium")
        out = pathlib.Path(self.create_tempdir().full_path, "results.json")
        stdout = self._run(
            workloads=["HalfCheetah-v5", "act"],
            contenders=["tfmeta", "compiled"],
            rounds=1,
            steps_per_round=1,
            out=str(out),
        )
        results = json.loads(out.read_text())
        self.assertEqual(
            [(row["workload"], row["contender"]) for row in results["rows"]],
            [
                ("HalfCheetah-v5", "tfmeta"),
                ("act", "tfmeta"),
                ("act", "compiled"),
            ],
        )
        self.assertEqual(results["goals"], [])
        self.assertRegex(stdout, r"\| a compiled Keras model \|")

    @parameterized.parameters(
        ({"workloads": ["Walker"]}, "--workloads: 'Walker' is unknown"),
        ({"contenders": ["rllib"]}, "--contenders: 'rllib' is unknown"),
    )
    def test_mistakes(self, given, message):
        with self.assertRaisesRegex(errors.InputError, f"^{message}"):
            self._run(**given)


class GoalsTest(absltest.TestCase):
    def test_ratios_are_of_the_times_of_a_round(self):
        rows = [
            {"workload": workload, "contender": name, "round_ms": times}
            for workload, name, times in (
                ("HalfCheetah-v5", "tfmeta", [1.0, 10.0, 1.0]),
                ("HalfCheetah-v5", "sb3", [1.5, 15.0, 9.0]),
                ("tasks", "plain", [2.0]),
                ("tasks", "pcgrad", [2.2]),
            )
        ]
        one, other = sac_report.check_goals(rows)
        self.assertEqual((one["slower"], one["ratio"]), ("sb3", 1.5))
        self.assertFalse(one["met"])
        self.assertAlmostEqual(other["ratio"], 1.1)
        self.assertTrue(other["met"])


class FloorTest(absltest.TestCase):
    def test_a_small_update_by_hand(self):
        # Actor 3 -> 5 -> 4, critics 5 -> 5 -> 1, of 7 rows.
        actor = 2 * 7 * (3 * 5 + 5 * 4)
        critic = 2 * 7 * (5 * 5 + 5 * 1)
        first_of_actor, first_of_critic = 2 * 7 * 3 * 5, 2 * 7 * 5 * 5
        self.assertEqual(
            sac_floor.update_flops(3, 2, hidden=[5], rows=7),
            # Drawing the next action, and being trained.
            actor
            + (3 * actor - first_of_actor)
            # Targets, being trained, judging the actor and telling it why.
            + 2 * (critic + (3 * critic - first_of_critic) + 2 * critic),
        )


if __name__ == "__main__":
    absltest.main()

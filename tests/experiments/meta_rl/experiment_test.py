"""The commands on policies that adapt, in this process."""

import json
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from experiments.meta_rl import experiments, problems
from tests.experiments import commands
from tfmeta import errors, rl
from tfmeta.rl import run_checkpoints
from tfmeta.tasks.poses import backends

_TINY = (
    "--steps=2",
    "--steps_per_epoch=1",
    "--episodes=2",
    "--eval_episodes=2",
    "--horizon=5",
)


class _KilledError(Exception):
    pass


class _WithoutXlaTestCase(commands.CommandTestCase):
    def setUp(self):
        super().setUp()
        # Whose compilation takes its time.
        compile_agent = rl.PolicyMAML.compile
        self.enter_context(
            mock.patch.object(
                rl.PolicyMAML,
                "compile",
                lambda self, step: compile_agent(self, step, jit_compile=False),
            )
        )


class PointRobotTest(_WithoutXlaTestCase):
    experiment = experiments.POINT
    small = (*_TINY, "--meta_batch_size=2")

    def test_a_run_leaves_everything(self):
        results = self.run_command("--methods=maml_lvc,untrained")
        self.assertEqual(
            [(row["method"], row["split"]) for row in results["rows"]],
            [
                (method, split)
                for method in ("maml_lvc", "untrained")
                for split in ("meta-train", "meta-test")
            ],
        )
        for row in results["rows"]:
            metrics = row["metrics"]
            self.assertAlmostEqual(
                metrics["gain"]["mean"],
                metrics["return"]["mean"]
                - metrics["return_before_adaptation"]["mean"],
                places=4,
            )
            self.assertEqual(metrics["return"]["count"], 20)
        for name in ("curves.png", "accuracy.png"):
            self.assertGreater((self.out / name).stat().st_size, 1000)
        self.assertTrue((self.out / "maml_lvc" / "tensorboard").is_dir())

    def test_a_killed_run_ends_as_if_it_had_not_been(self):
        save = run_checkpoints.RunCheckpoints.save

        def save_and_die(self, *args):
            save(self, *args)
            raise _KilledError

        def outcome(out):
            found = json.loads((out / "maml" / "outcome.json").read_text())
            del found["seconds"]
            return found

        whole, killed = self.out / "whole", self.out / "killed"
        self.run_command("--methods=maml", out=whole)
        with (
            mock.patch.object(
                run_checkpoints.RunCheckpoints, "save", save_and_die
            ),
            self.assertRaises(_KilledError),
        ):
            self.run_command("--methods=maml", out=killed)
        self.run_command("--methods=maml", out=killed)
        self.assertEqual(outcome(killed), outcome(whole))

    @parameterized.named_parameters(
        ("horizon", "--horizon=0", "--horizon=0"),
        ("loss", "--inner_loss=reinforce", "--inner_loss=reinforce"),
        ("divergence", "max_divergence", "--max_divergence=0"),
        ("one_task", "--meta_batch_size=1", "--meta_batch_size=1"),
    )
    def test_mistake(self, message, *argv):
        self.assert_mistake(message, *argv)


class DirectionTest(_WithoutXlaTestCase):
    experiment = experiments.DIRECTION
    small = _TINY

    def test_each_direction_is_scored_and_drawn(self):
        results = self.run_command("--methods=untrained")
        (row,) = results["rows"]
        for part in ("forward", "backward"):
            self.assertEqual(row["metrics"][f"return/{part}"]["count"], 2)
        outcome = json.loads(
            (self.out / "untrained" / "outcome.json").read_text()
        )
        self.assertEqual(
            [clip["name"] for clip in outcome["clips"]], ["forward", "backward"]
        )
        self.assertEqual(
            np.shape([clip["actions"] for clip in outcome["clips"]]), (2, 5, 6)
        )
        try:
            backends.choose_backend()
        except errors.InputError as error:
            self.skipTest(str(error))
        self.assertGreater((self.out / "frames.png").stat().st_size, 1000)

    def test_without_a_renderer_there_are_no_frames_and_a_line_says_so(self):
        with (
            mock.patch.dict(os.environ, {"MUJOCO_GL": "osmesa"}),
            mock.patch("ctypes.util.find_library", return_value=None),
            mock.patch("builtins.print") as printed,
        ):
            self.run_command("--methods=untrained")
        said = " ".join(
            str(call.args[0]) for call in printed.call_args_list if call.args
        )
        self.assertRegex(said, "No frames were drawn. backend: found no lib")
        self.assertFalse((self.out / "frames.png").exists())


class ProblemsTest(absltest.TestCase):
    def test_goals_of_splits_are_not_the_same(self):
        values = {"horizon": 5, "meta_batch_size": 3}
        for make in (problems.points, problems.velocities):
            problem = make(values)
            self.assertLen(problem.train, 3)
            train, test = (
                {
                    tuple(goal)
                    for goal in problem.tasks[split][0].environment.goals
                }
                for split in ("meta-train", "meta-test")
            )
            self.assertEmpty(train & test)
            self.assertEqual(
                train, {tuple(goal) for goal in problem.train[0].goals}
            )


if __name__ == "__main__":
    absltest.main()

"""The commands on policies that adapt, in this process."""

import functools
import json
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from experiments.meta_rl import experiments, problems, trainer
from tests.experiments import commands
from tfmeta import errors, rl
from tfmeta.rl import run_checkpoints
from tfmeta.tasks.poses import backends

_TINY = (
    "--steps=2",
    "--steps_per_epoch=1",
    "--episodes=2",
    "--eval_episodes=2",
    "--test_episodes=2",
    "--score_every=1",
    "--horizon=5",
)


class _KilledError(Exception):
    pass


class _WithoutXlaTestCase(commands.CommandTestCase):
    def setUp(self):
        super().setUp()
        # Whose compilation takes its time.
        for agent in (rl.PolicyMAML, rl.RL2, rl.PEARL):
            self.enter_context(
                mock.patch.object(
                    agent,
                    "compile",
                    functools.partialmethod(agent.compile, jit_compile=False),
                )
            )


class PointRobotTest(_WithoutXlaTestCase):
    experiment = experiments.POINT
    small = (*_TINY, "--meta_batch_size=2")

    def test_a_run_leaves_everything(self):
        methods = ("rl2", "pearl", "untrained", "told")
        results = self.run_command(
            f"--methods={','.join(methods)}",
            "--hidden_units=4",
            "--updates=2",
            "--update_tasks=2",
            "--batch_size=4",
            "--context_size=4",
            "--epochs=1",
            "--trials=1",
        )
        self.assertEqual(
            [(row["method"], row["split"]) for row in results["rows"]],
            [
                (method, split)
                for method in methods
                for split in ("meta-train", "meta-test")
            ],
        )
        best = results["rows"][-2:]
        for row in results["rows"]:
            metrics = row["metrics"]
            self.assertAlmostEqual(
                metrics["gain"]["mean"],
                metrics["return"]["mean"]
                - metrics["return_before_adaptation"]["mean"],
                places=4,
            )
            self.assertEqual(metrics["return"]["count"], 20)
            for after in range(3):
                name = f"return_after_{after}"
                # They start where the others do, and nothing does better.
                (bar,) = (
                    other["metrics"][name]["mean"]
                    for other in best
                    if other["split"] == row["split"]
                )
                self.assertLessEqual(metrics[name]["mean"], bar + 1e-9)
        for name in ("curves.png", "adapting.png", "accuracy.png"):
            self.assertGreater((self.out / name).stat().st_size, 1000)
        self.assertTrue((self.out / "rl2" / "tensorboard").is_dir())
        outcome = json.loads((self.out / "pearl" / "outcome.json").read_text())
        for curve in outcome["adapting"].values():
            self.assertEqual([point["episodes"] for point in curve], [0, 1, 2])

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
            # Trials.
            self.assertEqual(row["metrics"][f"return/{part}"]["count"], 10)
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
        values = {"horizon": 5, "meta_batch_size": 3, "reward": "dense"}
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
            with self.subTest("each goal is shared out once"):
                shared = [
                    tuple(goal)
                    for each in problem.shared_out
                    for goal in each.goals
                ]
                self.assertLen(shared, len(train))
                self.assertEqual(set(shared), train)


class RoundsTest(absltest.TestCase):
    def test_tasks_that_share_an_environment_take_turns(self):
        one, other = object(), object()
        tasks = [
            problems.Task("", environment, goal)
            for environment, goal in ((one, 0), (one, 1), (other, 0), (one, 2))
        ]
        self.assertEqual(trainer._rounds(tasks), [[0, 2], [1], [3]])


class MetaworldTest(_WithoutXlaTestCase):
    experiment = experiments.METAWORLD
    small = (*_TINY, "--meta_batch_size=2", "--scored_goals=2")

    def test_goals_that_training_had_not(self):
        results = self.run_command("--methods=untrained")
        self.assertEqual(
            [row["split"] for row in results["rows"]],
            ["meta-train", "meta-test"],
        )
        for row in results["rows"]:
            self.assertEqual(row["problem"]["benchmark"], "ml1-reach")
            for name in ("return", "success"):
                part = row["metrics"][f"{name}/reach-v3"]
                self.assertEqual(part["count"], 2)

    def test_mistake(self):
        self.assert_mistake("--benchmark", "--benchmark=ml2")


if __name__ == "__main__":
    absltest.main()

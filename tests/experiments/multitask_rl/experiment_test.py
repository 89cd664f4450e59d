"""The command on several tasks of an arm, in this process."""

import json
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from experiments.multitask_rl import (
    experiment,
    methods,
    problems,
)
from experiments.run import surgery
from experiments.run import training as run_training
from tests.experiments import commands
from tfmeta import environments, optimizers, rl, training
from tfmeta.rl import run_checkpoints

_TASKS = ("reach-v3", "window-open-v3")
_TINY = {
    "hidden": (4,),
    "batch_size": 2,
    "warm_up": 3,
    "updates_per_call": 2,
    "rollout_steps": 2,
    "minibatches": 1,
}


class _KilledError(Exception):
    pass


def _problem(**values):
    """Returns two point robots, who cannot succeed."""

    def robots():
        return [
            environments.PointRobot(
                "dense", [[x, 0.5], [x, -0.5], [-x, 0]], horizon=3
            )
            for x in (0.0, 1.0)
        ]

    return problems.Problem({"eval_goals": 2} | values, robots(), robots())


class _WithoutXlaTestCase(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT

    def setUp(self):
        super().setUp()
        # Whose compilation takes its time.
        for agent in (rl.SAC, rl.PPO, rl.TRPO):
            compile_agent = agent.compile
            self.enter_context(
                mock.patch.object(
                    agent,
                    "compile",
                    lambda self, *args, compile_agent=compile_agent, **more: (
                        compile_agent(self, *args, jit_compile=False, **more)
                    ),
                )
            )


class TrainerTest(_WithoutXlaTestCase):
    def train(self, method, out, **values):
        """Trains a method; returns its outcome without what is of the clock."""
        outcome = commands.run_method(
            self.experiment,
            _problem(**values),
            method,
            out,
            {"steps": 24, "steps_per_epoch": 4},
            _TINY,
            seed=0,
        )
        seconds = [outcome.pop("seconds")]
        seconds += [point.pop("seconds") for point in outcome["curve"]]
        self.assertEqual(seconds[1:], sorted(seconds[1:]))
        self.assertEqual(seconds[0], seconds[-1])
        self.assertFalse((out / method / "checkpoints").exists())
        # What was learned stays.
        agent = commands.build(self.experiment, _problem(), method, **_TINY)
        agent.load_weights(out / method / "weights.npz")
        return outcome

    def test_a_killed_run_ends_as_if_it_had_not_been(self):
        method = "sac_pcgrad"
        save = run_checkpoints.RunCheckpoints.save
        saves: list[None] = []

        def save_and_die(self, *args):
            # After the evaluation and before the checkpoint of a second epoch.
            if saves:
                raise _KilledError
            saves.append(save(self, *args))

        whole, killed = self.out / "whole", self.out / "killed"
        expected = self.train(method, whole)
        with (
            mock.patch.object(
                run_checkpoints.RunCheckpoints, "save", save_and_die
            ),
            self.assertRaises(_KilledError),
        ):
            self.train(method, killed)
        evaluations = killed / method / "evaluations.json"
        self.assertLen(json.loads(evaluations.read_text()), 2)
        # As text: of pairs in conflict, of which there are none, it has NaN.
        self.assertEqual(
            json.dumps(self.train(method, killed)), json.dumps(expected)
        )
        self.assertLen(expected["curve"], 6)
        self.check_conflicts(expected)
        other = self.train(method, self.out / "other", eval_goals=3)
        self.check_training(other["curve"], expected["curve"])

    def test_an_on_policy_agent_is_trained(self):
        outcome = self.train("ppo", self.out)
        self.assertLen(outcome["curve"], 6)

    def check_conflicts(self, outcome):
        """Checks that conflicts of each network are recorded."""
        self.assertContainsSubset(
            [
                f"{network}_{name}"
                for network in ("critic", "actor")
                for name in run_training.CONFLICTS
            ],
            outcome["metrics"],
        )
        for point in outcome["curve"]:
            self.assertBetween(point["actor_conflicting_pairs"], 0, 1)

    def check_training(self, of_one, of_other):
        """Checks that more evaluation leaves the training as it is."""
        for one, other in zip(of_one, of_other, strict=True):
            learned = [
                name
                for name in one
                if name.endswith("_loss") or name.startswith("training_")
            ]
            self.assertNotEmpty(learned)
            for name in learned:
                self.assertEqual(one[name], other[name], name)
        self.assertNotEqual(of_one[-1]["return"], of_other[-1]["return"])

    def test_a_loss_that_is_not_finite_is_told(self):
        rewards = mock.patch.object(
            rl.SAC, "update", lambda self, batch: {"critic_loss": np.nan}
        )
        with (
            rewards,
            self.assertRaisesRegex(
                training.DivergenceError, "critic_loss is nan at step 4"
            ),
        ):
            self.train("sac", self.out)


class CommandTest(_WithoutXlaTestCase):
    small = (
        f"--benchmark={','.join(_TASKS)}",
        "--horizon=3",
        "--goals=3",
        "--eval_goals=2",
        "--steps=24",
        "--steps_per_epoch=4",
        "--jobs=1",
        *(
            f"--{name}={','.join(map(str, value))}"
            if isinstance(value, tuple)
            else f"--{name}={value}"
            for name, value in _TINY.items()
        ),
    )

    def test_a_run_leaves_everything(self):
        names = ("sac",)
        results = self.run_command(f"--methods={','.join(names)}")
        self.assertEqual([row["method"] for row in results["rows"]], [*names])
        for row in results["rows"]:
            self.assertEqual(
                row["problem"],
                {
                    "benchmark": ",".join(_TASKS),
                    "reward_version": "v2",
                    "horizon": 3,
                    "steps": 24,
                },
            )
            outcome = json.loads(
                (self.out / row["method"] / "outcome.json").read_text()
            )
            curve = outcome["curve"]
            self.assertEqual(
                [point["step"] for point in curve], [4, 8, 12, 16, 20, 24]
            )
            for metric in ("success", "success_at_last_step", "return"):
                # Not the best of the evaluations, and not the first.
                for part in (metric, *(f"{metric}/{n}" for n in _TASKS)):
                    self.assertAlmostEqual(
                        row["metrics"][part]["mean"],
                        np.mean([point[part] for point in curve[1:]]),
                        places=9,
                    )
                parts = [row["metrics"][f"{metric}/{n}"] for n in _TASKS]
                self.assertAlmostEqual(
                    row["metrics"][metric]["mean"],
                    np.mean([part["mean"] for part in parts]),
                )
                self.assertAlmostEqual(
                    row["metrics"][metric]["ci95"],
                    np.hypot(*(part["ci95"] for part in parts)) / 2,
                )
                self.assertEqual(row["metrics"][metric]["count"], 4)
            self.assertGreater(row["metrics"]["return"]["mean"], 0)
            self.assertIn("training_return", curve[0])
        for name in ("accuracy", "curves", "tasks"):
            size = (self.out / f"{name}.png").stat().st_size
            self.assertGreater(size, 1000, name)

    @parameterized.named_parameters(
        ("task", "benchmark=fly.*no 'fly'", "--benchmark=fly"),
        ("benchmark", "benchmark=MT5.*no 'MT5'", "--benchmark=MT5"),
        ("horizon", "--horizon=501.*expected 1 to 500", "--horizon=501"),
        ("rewards", "reward_version", "--reward_version=v3"),
        (
            "goals",
            "--eval_goals=4: expected at most --goals=3",
            "--eval_goals=4",
        ),
        ("epochs", "--steps=25: expected a multiple", "--steps=25"),
        (
            "rollouts",
            "--steps_per_epoch=4: expected a multiple of --rollout_steps=3",
            "--rollout_steps=3",
            "--methods=ppo",
        ),
        (
            "minibatches",
            "--minibatches=3: expected at most --rollout_steps=2",
            "--minibatches=3",
            "--methods=trpo",
        ),
        ("warm_up", "--warm_up=1: expected --batch_size=2", "--warm_up=1"),
        ("method", "'fly' is unknown", "--methods=fly"),
    )
    def test_mistake(self, message, *argv):
        self.assert_mistake(message, *argv)


class MethodsTest(_WithoutXlaTestCase):
    def test_each_can_be_built(self):
        for name in ("sac", "sac_mgda", "sac_tuned_pcgrad", "ppo", "trpo"):
            agent = commands.build(self.experiment, _problem(), name, **_TINY)
            self.assertEqual(agent.tasks, 2)
            self.assertEqual(
                isinstance(agent.optimizer, optimizers.TaskGradientOptimizer),
                methods.METHODS[name].aggregator is not None,
            )

    def test_each_surgery_is_a_method(self):
        for name, aggregator in optimizers.AGGREGATORS.items():
            method = methods.METHODS[f"sac_{name}"]
            self.assertIs(method.aggregator, aggregator)
            self.assertIn(surgery.SURGERIES[name].title, method.title)

    def test_the_tuned_critic_is_twice_as_wide_as_the_actor(self):
        method = methods.METHODS["sac_tuned"]
        chosen = method.choose({"hidden": (8, 4)})
        self.assertEqual(chosen["critic_hidden"], (16, 8))
        chosen = method.choose({"critic_hidden": (3,)})
        self.assertEqual(chosen["critic_hidden"], (3,))

    def test_what_a_method_s_tasks_have_of_their_own(self):
        def own(name):
            agent = commands.build(self.experiment, _problem(), name, **_TINY)
            return [v.shape[0] == 2 for v in agent.actor.trainable_variables]

        # Of a hidden layer and the last one, kernel and bias.
        self.assertEqual(own("sac"), [False] * 4)
        self.assertEqual(own("sac_multi_head"), [False, False, True, True])
        self.assertEqual(own("independent"), [True] * 4)


if __name__ == "__main__":
    absltest.main()

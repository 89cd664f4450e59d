"""Tests of loading Meta-World, and of what is wrong with the package."""

from typing import Any
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tests.environments import cases
from tfmeta import environments, errors


def load(*names, **settings) -> Any:
    return cases.metaworld(*names, **settings)


class LoadingTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        prerequisites.package("metaworld")

    @parameterized.parameters(
        ("MT10", "train", 10),
        ("MT25", "train", 25),
        ("MT50", "train", 50),
        ("ML10", "train", 10),
        ("ML10", "test", 5),
        ("ML25", "train", 25),
        ("ML25", "test", 5),
        ("ML45", "train", 45),
        ("ML45", "test", 5),
    )
    def test_benchmarks_have_their_tasks(self, benchmark, split, number):
        names = environments.list_metaworld_tasks(benchmark, split)
        self.assertLen(names, number)

    def test_a_benchmark_loads_as_an_environment_a_task(self):
        made = environments.load_metaworld(
            "ML10",
            split="test",
            reward_version="v2",
            horizon=3,
            goal="hidden",
            goals=2,
        )
        self.assertEqual(
            [environment.name for environment in made],
            environments.list_metaworld_tasks("ML10", "test"),
        )
        for environment in made:
            self.assertIsInstance(environment, environments.Environment)
            observation, _ = environment.reset(seed=0)
            self.assertLen(observation, environment.observation_size)
            ends = [environment.step(np.zeros(4))[2:4] for _ in range(3)]
            self.assertEqual(ends, [(False, False)] * 2 + [(False, True)])

    def test_the_goal_is_shown_or_hidden(self):
        shown, hidden = (
            load("push-v3", goal=goal, goals=2) for goal in ("shown", "hidden")
        )
        np.testing.assert_array_equal(shown.goals, hidden.goals)
        for number in (0, 1):
            pairs = [
                (
                    environment.reset(options={"goal": number})[0],
                    environment.step(np.ones(4))[0],
                )
                for environment in (shown, hidden)
            ]
            for left, right in zip(*pairs, strict=True):
                np.testing.assert_array_equal(left[:36], right[:36])
                np.testing.assert_array_equal(right[36:], 0)
                # A push's goal is on the table, where the vector says.
                np.testing.assert_allclose(
                    left[36:38], shown.goals[number, 3:5]
                )

    def test_the_seed_chooses_the_goal(self):
        reach = load("reach-v3", goals=5)

        def goal(**arguments):
            return reach.reset(**arguments)[0][36:].tolist()

        self.assertEqual(goal(seed=3), goal(seed=3))
        drawn = {tuple(goal(seed=seed)) for seed in range(40)}
        self.assertLen(drawn, 5)
        self.assertEqual(
            goal(seed=3, options={"goal": 4}), goal(options={"goal": 4})
        )

    @parameterized.parameters(("v1", 1000, 2000), ("v2", 9, 10))
    def test_rewards_have_the_scale_of_their_version(self, version, low, high):
        reach = load("reach-v3", reward_version=version)
        observation, _ = reach.reset(options={"goal": 0})
        for _ in range(80):  # To the goal, which is shown, and there.
            way = np.clip(10 * (observation[36:39] - observation[:3]), -1, 1)
            observation, reward, *_, info = reach.step(np.append(way, 0))
        self.assertEqual(info["success"], 1.0)
        self.assertBetween(reward, low, high)

    @parameterized.named_parameters(
        ("task", {"names": ["reach-v2"]}, "tasks: .*'reach-v2'.*reach-v3"),
        ("none", {"names": []}, "tasks: .*one or more"),
        ("twice", {"names": ["reach-v3"] * 2}, "tasks: .*each once"),
        ("benchmark", {"names": "MT11"}, "tasks: .*MT10.*'MT11'"),
        ("alone", {"names": "reach-v3"}, "tasks: expected a list"),
        ("version", {"reward_version": "v3"}, "reward_version: .*v1, v2.*'v3'"),
        ("horizon", {"horizon": 501}, "horizon: .*1 to 500.*501"),
        ("no_horizon", {"horizon": 0}, "horizon: .*got 0"),
        ("goal", {"goal": "seen"}, "goal: .*shown, hidden.*'seen'"),
        ("goals", {"goals": 0}, "goals: .*got 0"),
        ("seed", {"seed": -1}, "seed: .*got -1"),
        ("split", {"split": "valid"}, "split: .*train, test.*'valid'"),
        (
            "no_split",
            {"names": "MT10", "split": "test"},
            "split: MT10 has train tasks alone",
        ),
    )
    def test_bad_input_is_one_line(self, changes, message):
        settings = {
            "names": ["reach-v3"],
            "reward_version": "v2",
            "horizon": 500,
            "goal": "shown",
        } | changes
        with self.assertRaisesRegex(errors.InputError, f"^{message}") as caught:
            environments.load_metaworld(settings.pop("names"), **settings)
        self.assertNotIn("\n", str(caught.exception))


class UpstreamDefectsTest(parameterized.TestCase):
    """Each shows the package's defect, and that it is none here.

    When one fails at the package's part, the package was mended.
    """

    def setUp(self):
        super().setUp()
        prerequisites.package("metaworld")

    def assert_no_common_goals(self, one, other):
        # In the plane; heights are those of the table.
        self.assertEmpty(np.intersect1d(one.goals[:, :2], other.goals[:, :2]))

    def test_ml25_tests_on_a_training_task(self):
        # Left as it is: it is the benchmark.
        both = (
            set(environments.list_metaworld_tasks("ML25", split))
            for split in ("train", "test")
        )
        self.assertEqual(set.intersection(*both), {"basketball-v3"})

    def test_ml1_train_is_the_test_split(self):
        import gymnasium
        import metaworld

        self.assertTrue(metaworld.register_mw_envs)  # By its import it did.
        spec: Any = gymnasium.spec("Meta-World/ML1-train")
        split = spec.vector_entry_point.__closure__
        self.assertIn("test", [cell.cell_contents for cell in split])
        self.assert_no_common_goals(
            *(load("reach-v3", split=split) for split in ("train", "test"))
        )

    def test_the_seed_of_a_reset_is_ignored(self):
        import metaworld

        theirs: Any = metaworld.ALL_V3_ENVIRONMENTS["reach-v3"]()
        theirs._set_task_called, theirs._freeze_rand_vec = True, False
        theirs._partially_observable = False
        first, second = (theirs.reset(seed=1)[0][36:] for _ in range(2))
        self.assertFalse(np.array_equal(first, second))
        # Its goals come from the generator of all NumPy; ours leave it alone.
        np.random.seed(0)
        before = np.random.random(4)
        np.random.seed(0)
        ours = load("reach-v3")
        first, second = (ours.reset(seed=1)[0] for _ in range(2))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(before, np.random.random(4))

    def test_test_goals_are_the_training_goals_of_the_next_seed(self):
        import metaworld

        with mock.patch.object(metaworld, "_N_GOALS", 3):
            goals = [
                [task.data for task in tasks]
                for tasks in (
                    metaworld.ML1("reach-v3", seed=1).test_tasks,
                    metaworld.ML1("reach-v3", seed=2).train_tasks,
                )
            ]
        self.assertEqual(*goals)
        self.assert_no_common_goals(
            load("reach-v3", seed=1, split="test"),
            load("reach-v3", seed=2, split="train"),
        )

    def test_tasks_share_a_seed(self):
        # In the package each environment of MT10 chooses the same numbers of
        # goals; here goals depend on the task, and not on the other tasks.
        alone = load("push-v3", seed=5).goals
        reach, push = load("reach-v3", "push-v3", seed=5)
        np.testing.assert_array_equal(push.goals, alone)
        # Both draw from the same box: equal numbers would be equal goals.
        self.assert_no_common_goals(reach, push)

    def test_v3_rewards_are_silently_v1(self):
        import metaworld

        rewards = []
        for version in ("v1", "v3"):
            theirs: Any = metaworld.ALL_V3_ENVIRONMENTS["reach-v3"](
                reward_function_version=version
            )
            ours = load("reach-v3", goals=1)
            theirs._set_task_called = True
            theirs._last_rand_vec = ours.goals[0]
            theirs.reset()
            rewards.append(theirs.step(np.zeros(4))[1])
        self.assertEqual(*rewards)
        # Ours is an error, see test_bad_input_is_one_line.

    def test_the_observation_space_does_not_follow_the_goal_s_showing(self):
        import metaworld

        theirs: Any = metaworld.ALL_V3_ENVIRONMENTS["reach-v3"]()
        with mock.patch.object(metaworld, "_N_GOALS", 1):
            benchmark = metaworld.MT1("reach-v3", seed=0)
        theirs.set_task(benchmark.train_tasks[0])
        observation, _ = theirs.reset()
        self.assertNotIn(observation, theirs.observation_space)
        ours = load("reach-v3")
        observation, _ = ours.reset(seed=0)
        self.assertIn(observation, ours.simulator.observation_space)

    def test_successes_are_counted_by_name(self):
        # One of four environments of a task succeeds, and always; its episodes
        # are short, and so the first to be counted.
        from metaworld import evaluation

        score, *_ = evaluation.evaluation(
            _Idle(), _OneOfFourSucceeds(), num_episodes=8
        )
        self.assertEqual(score, 1.0)
        # Here an environment tells its success, and does not end by it.
        close = load("drawer-close-v3", horizon=200)
        observation, _ = close.reset(seed=0, options={"goal": 0})
        from metaworld import policies

        expert = policies.ENV_POLICY_MAP["drawer-close-v3"]()
        successes, ends = [], []
        for _ in range(200):
            action = np.clip(expert.get_action(observation), -1, 1)
            observation, _, *end, info = close.step(action)
            successes.append(info["success"])
            ends.append(any(end))
        self.assertGreater(sum(successes), 10)
        self.assertEqual(ends.index(True), 199)

    def test_what_should_be_remembered_moves(self):
        # Left as it is: the rewards of published results have it.
        pick_place = load("pick-place-v3")
        pick_place.reset(seed=0)
        simulator = pick_place.simulator
        before = simulator.init_left_pad.copy()
        pick_place.step(np.ones(4))
        self.assertFalse(np.array_equal(before, simulator.init_left_pad))


class _Idle:
    def eval_action(self, observations):
        return np.zeros([4, 4])

    def reset(self, mask):
        pass


class _OneOfFourSucceeds:
    """A vector of four environments of a task, as the package sees it."""

    num_envs = 4

    def get_attr(self, name):
        return {
            "terminate_on_success": [True] * 4,
            "task_name": ["SawyerReachEnvV3"] * 4,
        }[name]

    def call(self, *arguments):
        pass

    def reset(self):
        self._steps = 0
        return np.zeros([4, 39]), {}

    def step(self, actions):
        self._steps += 1
        ends = np.array([True] + 3 * [self._steps % 500 == 0])
        info = {
            "episode": {"r": np.zeros(4)},
            "success": np.array([1.0, 0, 0, 0]),
        }
        return (
            np.zeros([4, 39]),
            np.zeros(4),
            ends,
            np.zeros(4, bool),
            {"final_info": info},
        )


if __name__ == "__main__":
    absltest.main()

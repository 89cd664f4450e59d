import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import environments, errors

GOALS = np.array([[0.5, 0.0], [0.0, -0.5], [0.3, 0.4]])


class PointRobotTest(parameterized.TestCase):
    def test_dense_reward_is_minus_the_distance(self):
        robot = environments.PointRobot("dense", GOALS, horizon=2)
        start, _ = robot.reset(seed=0, options={"goal": 1})
        first = robot.step(np.array([1.0, -7.0]))  # Clipped to -1.
        np.testing.assert_allclose(
            first[0], start + np.array([0.1, -0.1]), rtol=1e-15
        )
        np.testing.assert_allclose(
            first[1], -np.hypot(*(first[0] - GOALS[1])), rtol=1e-12
        )
        self.assertEqual(first[2:4], (False, False))
        self.assertEqual(robot.step(np.zeros(2))[2:4], (False, True))

    def test_sparse_reward_is_there_near_the_goal_alone(self):
        robot = environments.PointRobot("sparse", GOALS)
        start, _ = robot.reset(seed=0, options={"goal": 0})
        np.testing.assert_array_equal(start, [0, 0])
        steps = [robot.step(np.array([1.0, 0.0])) for _ in range(5)]
        np.testing.assert_allclose(
            [step[1] for step in steps], [0, 0, 0.8, 0.9, 1.0], atol=1e-12
        )
        self.assertEqual(
            [float(step[4]["success"]) for step in steps], [0, 0, 1, 1, 1]
        )
        np.testing.assert_allclose(
            [step[4]["dense_reward"] for step in steps],
            [-0.4, -0.3, -0.2, -0.1, 0.0],
            atol=1e-12,
        )

    @parameterized.product(
        reward=["dense", "sparse"], goals=[None, [2, 0, 1, 1]]
    )
    def test_many_at_once_are_each_alone(self, reward, goals):
        seeds = [3, 9, 3, 4]
        many = environments.PointRobot(reward, GOALS)
        actions = np.random.default_rng(0).normal(size=[20, 4, 2])
        options = None if goals is None else {"goal": goals}
        starts, _ = many.reset(seed=seeds, options=options)
        steps = [many.step(action) for action in actions]
        for number, seed in enumerate(seeds):
            one = environments.PointRobot(reward, GOALS)
            goal = None if goals is None else {"goal": goals[number]}
            start, _ = one.reset(seed=seed, options=goal)
            np.testing.assert_array_equal(start, starts[number])
            for ours, action in zip(steps, actions[:, number], strict=True):
                alone = one.step(action)
                for left, right in zip(ours[:4], alone[:4], strict=True):
                    np.testing.assert_array_equal(left[number], right)
                np.testing.assert_array_equal(
                    ours[4]["success"][number], alone[4]["success"]
                )

    def test_seed_fixes_start_and_goal(self):
        robot = environments.PointRobot("dense", GOALS)

        def first(**arguments):
            start, _ = robot.reset(**arguments)
            return start.tolist(), float(robot.step(np.zeros(2))[1])

        self.assertEqual(first(seed=4), first(seed=4))
        self.assertNotEqual(first(seed=4), first(seed=5))
        # Without a seed it goes on.
        self.assertNotEqual(first(), first())
        # Who chooses the goal does not move the start.
        self.assertEqual(
            first(seed=4)[0], first(seed=4, options={"goal": 2})[0]
        )
        chosen = {first(seed=seed)[1] for seed in range(9)}
        self.assertGreater(len(chosen), 3)

    def test_goals_are_where_the_papers_have_them(self):
        square = environments.sample_goals("dense", 2000, seed=1)
        np.testing.assert_allclose(square.mean(0), 0, atol=0.05)
        np.testing.assert_allclose(square.var(0), 1 / 3, rtol=0.05)
        circle = environments.sample_goals("sparse", 2000, seed=1)
        np.testing.assert_allclose(np.hypot(*circle.T), 1, rtol=1e-12)
        self.assertGreaterEqual(circle[:, 1].min(), 0)
        np.testing.assert_array_equal(
            circle, environments.sample_goals("sparse", 2000, seed=1)
        )

    @parameterized.named_parameters(
        ("reward", lambda: environments.PointRobot("denes", GOALS), "reward: "),
        (
            "horizon",
            lambda: environments.PointRobot("dense", GOALS, horizon=0),
            "horizon: .*got 0",
        ),
        ("shape", lambda: environments.PointRobot("dense", [1, 2]), "goals: "),
        (
            "nan",
            lambda: environments.PointRobot("dense", [[0, np.nan]]),
            "goals: .*NaN",
        ),
        ("none", lambda: environments.sample_goals("dense", 0), "count: "),
        (
            "seed",
            lambda: environments.sample_goals("dense", 1, seed=-1),
            "seed: .*-1",
        ),
        (
            "goal",
            lambda: environments.PointRobot("dense", GOALS).reset(
                options={"goal": 3}
            ),
            "goal: expected 0 to 2, got 3",
        ),
    )
    def test_bad_input_is_one_line(self, call, message):
        with self.assertRaisesRegex(errors.InputError, f"^{message}") as caught:
            call()
        self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    absltest.main()

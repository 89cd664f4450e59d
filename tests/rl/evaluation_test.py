"""What an evaluation on goals counts."""

import numpy as np
from absl.testing import absltest

from tfmeta import environments, errors, rl


class _Counter:
    """Succeeds at one step of an episode, which its goal says.

    Rewards are the goal and a hundredth of the action, and an episode ends
    after `length` steps.
    """

    name = "counter"
    observation_size = 2
    action_size = 1
    horizon = 10

    def __init__(self, goals, length):
        self.goals = np.asarray(goals, float)[:, np.newaxis]
        self.length = length
        self.seeds = []

    def reset(self, *, seed=None, options=None):
        self.seeds.append(seed)
        self.goal = self.goals[options["goal"], 0]
        self.time = 0
        return self._seen(), {}

    def step(self, action):
        self.time += 1
        reward = self.goal + action[0] / 100
        info = {"success": float(self.time == self.goal)}
        return self._seen(), reward, self.time == self.length, False, info

    def _seen(self):
        return np.array([self.goal, self.time])


class EvaluateTest(absltest.TestCase):
    def test_each_goal_of_each_task_is_played_once(self):
        # The second task's episodes are shorter, and others' go on.
        tasks = [_Counter([3, 5, 9], 5), _Counter([1, 2, 2], 2)]
        scores = rl.evaluate(
            tasks, lambda seen: seen[:, :1] + seen[:, 1:], goals=3, seed=1
        )
        np.testing.assert_array_equal(scores.success, [[1, 1, 0], [1, 1, 1]])
        np.testing.assert_array_equal(
            scores.success_at_last_step, [[0, 1, 0], [0, 1, 1]]
        )
        wanted = [
            [
                length * goal + (length * goal + sum(range(length))) / 100
                for goal in goals
            ]
            for goals, length in (([3, 5, 9], 5), ([1, 2, 2], 2))
        ]
        np.testing.assert_allclose(scores.total_reward, wanted, rtol=1e-6)
        seeds = [seed for task in tasks for seed in task.seeds]
        self.assertLen(set(seeds), 6)

    def test_the_seed_says_all_and_fewer_goals_are_the_first(self):
        def score(goals, seed=3):
            robots = [
                environments.PointRobot("dense", [[0.3, 0.1], [0.2, 0.9]])
                for _ in range(2)
            ]
            return rl.evaluate(
                robots, lambda seen: 0 * seen, goals=goals, seed=seed
            )

        first, again, one = score(2), score(2), score(1)
        for a, b, c in zip(first, again, one, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a[:, :1], c)

    def test_bad_input(self):
        task = _Counter([1], 1)
        for goals, message in (
            (2, "goals=2: expected at most 1"),
            (0, "goals"),
        ):
            with self.assertRaisesRegex(errors.InputError, message):
                rl.evaluate([task], lambda seen: seen, goals=goals, seed=0)
        with self.assertRaisesRegex(errors.InputError, "twice"):
            rl.evaluate([task] * 2, lambda seen: seen, goals=1, seed=0)


if __name__ == "__main__":
    absltest.main()

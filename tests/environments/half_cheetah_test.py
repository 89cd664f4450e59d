import subprocess
import sys
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import environments, errors


class HalfCheetahTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        prerequisites.package("gymnasium")
        prerequisites.package("mujoco")

    @parameterized.parameters(
        ("direction", 0, lambda v: v),
        ("direction", 1, lambda v: -v),
        ("velocity", 0, lambda v: -abs(v - 0.5)),
        ("velocity", 1, lambda v: -abs(v - 2.0)),
    )
    def test_reward_is_the_goal_s_on_gymnasium_s_simulation(
        self, kind, goal, expected
    ):
        import gymnasium

        if kind == "direction":
            ours = environments.cheetah_direction(horizon=30)
        else:
            ours = environments.cheetah_velocity([[0.5], [2.0]], horizon=30)
        self.assertIsInstance(ours, environments.Environment)
        theirs = gymnasium.make("HalfCheetah-v5").unwrapped
        observation, _ = ours.reset(seed=11, options={"goal": goal})
        np.testing.assert_array_equal(observation, theirs.reset(seed=11)[0])
        self.assertLen(observation, ours.observation_size)
        dt = 0.05
        for action in np.random.default_rng(0).normal(size=[30, 6]):
            before = theirs.data.qpos[0]
            clipped = np.clip(action, -1, 1)
            seen = theirs.step(clipped)[0]
            velocity = (theirs.data.qpos[0] - before) / dt
            observation, reward, terminated, truncated, _ = ours.step(action)
            np.testing.assert_array_equal(observation, seen)
            self.assertAlmostEqual(
                reward,
                expected(velocity) - 0.05 * (clipped**2).sum(),
                places=12,
            )
            self.assertFalse(terminated)
        self.assertTrue(truncated)

    def test_the_seed_chooses_the_goal_and_not_the_start(self):
        cheetah = environments.cheetah_direction()
        starts, rewards = {}, set()
        for seed in (0, 1, 2, 3, 4, 5):
            starts[seed] = cheetah.reset(seed=seed)[0]
            drawn = cheetah.step(np.ones(6))[1]
            both = []
            for goal in (0, 1):
                start, _ = cheetah.reset(seed=seed, options={"goal": goal})
                np.testing.assert_array_equal(start, starts[seed])
                both.append(cheetah.step(np.ones(6))[1])
            rewards.add(both.index(drawn))
        self.assertEqual(rewards, {0, 1})

    def test_velocities_are_uniform(self):
        velocities = environments.sample_velocities(4000, most=2.0, seed=3)
        self.assertEqual(velocities.shape, (4000, 1))
        self.assertAlmostEqual(velocities.mean(), 1.0, delta=0.05)
        self.assertLess(velocities.max(), 2.0)

    @parameterized.parameters(0, -5)
    def test_horizon_that_cannot_be(self, horizon):
        with self.assertRaisesRegex(
            errors.InputError, f"^horizon: .*{horizon}"
        ):
            environments.cheetah_direction(horizon=horizon)


class ExtraTest(parameterized.TestCase):
    @parameterized.parameters(
        ("gymnasium", environments.cheetah_direction),
        ("mujoco", environments.cheetah_direction),
        ("metaworld", environments.list_metaworld_tasks),
    )
    def test_a_missing_extra_says_how_to_install_it(self, package, call):
        absent = {
            name: None for name in sys.modules if name.startswith(package)
        }
        with (
            mock.patch.dict(sys.modules, absent | {package: None}),
            self.assertRaisesRegex(
                errors.InputError, rf"{package}.*pip install 'tfmeta\[rl\]'$"
            ) as caught,
        ):
            call()
        self.assertNotIn("\n", str(caught.exception))

    def test_nothing_heavy_is_loaded_before_it_is_needed(self):
        program = (
            "import sys; from tfmeta import environments as e; "
            "e.PointRobot('dense', e.sample_goals('dense', 3)).reset(seed=0); "
            "print({'gymnasium', 'metaworld', 'mujoco', 'tensorflow'} "
            "& set(sys.modules))"
        )
        printed = subprocess.check_output([sys.executable, "-c", program])
        self.assertEqual(printed.decode().strip(), "set()")


if __name__ == "__main__":
    absltest.main()

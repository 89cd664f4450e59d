"""Agents on a problem that everybody knows; minutes long."""

import keras
import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import environments, rl


class PendulumTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        prerequisites.package("gymnasium")
        import gymnasium

        self.pendulum = environments.GymnasiumEnvironment(
            gymnasium.make("Pendulum-v1")
        )
        self.sizes = self.pendulum.observation_size, self.pendulum.action_size

    def check(self, agent, seed):
        scores = rl.play([self.pendulum], agent.act, episodes=10, seed=100)
        mean = np.mean([score.total_reward for score in scores])
        print(f"seed {seed}: mean return {mean:.0f}")
        # The best that is known has about -150; a resting one has -1200.
        self.assertGreater(mean, -250)

    @parameterized.parameters(0, 1, 2)
    def test_sac_swings_it_up_and_holds_it(self, seed):
        keras.utils.set_random_seed(seed)
        agent = rl.SAC(*self.sizes, hidden=(64, 64))
        agent.compile(*(keras.optimizers.Adam(1e-3) for _ in range(3)))
        agent.fit(
            [self.pendulum],
            steps=8000,
            batch_size=128,
            warm_up=500,
            updates_per_call=8,
            seed=seed,
        )
        self.check(agent, seed)

    @parameterized.parameters(0, 1, 2)
    def test_ppo_swings_it_up_and_holds_it(self, seed):
        keras.utils.set_random_seed(seed)
        agent = rl.PPO(*self.sizes, discount=0.9)
        iterations = 100
        # At the end no minibatch may throw the policy off.
        rate = keras.optimizers.schedules.PolynomialDecay(
            1e-3, iterations * 10 * 32, 0.0
        )
        agent.compile(keras.optimizers.Adam(rate))
        agent.fit(
            [self.pendulum],
            iterations=iterations,
            steps_per_iteration=2000,
            seed=seed,
        )
        self.check(agent, seed)


if __name__ == "__main__":
    absltest.main()

"""SAC on a problem that everybody knows; minutes long."""

import keras
import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import environments, rl


class PendulumTest(parameterized.TestCase):
    @parameterized.parameters(0, 1, 2)
    def test_it_swings_up_and_stays(self, seed):
        prerequisites.package("gymnasium")
        import gymnasium

        keras.utils.set_random_seed(seed)
        pendulum = environments.GymnasiumEnvironment(
            gymnasium.make("Pendulum-v1")
        )
        agent = rl.SAC(
            pendulum.observation_size, pendulum.action_size, hidden=(64, 64)
        )
        agent.compile(*(keras.optimizers.Adam(1e-3) for _ in range(3)))
        agent.fit(
            [pendulum],
            steps=8000,
            batch_size=128,
            warm_up=500,
            updates_per_call=8,
            seed=seed,
        )
        scores = rl.play([pendulum], agent.act, episodes=10, seed=100)
        mean = np.mean([score.total_reward for score in scores])
        print(f"seed {seed}: mean return {mean:.0f}")
        # The best that is known has about -150; a resting one has -1200.
        self.assertGreater(mean, -250)


if __name__ == "__main__":
    absltest.main()

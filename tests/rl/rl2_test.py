"""RL2 remembers what it must, and learns by what it saw."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.rl import resumed_runs
from tfmeta import errors, optimizers
from tfmeta.environments import point_robot
from tfmeta.rl import adapting, recurrent_policies, rollouts
from tfmeta.rl.agents import rl2


class _Bandit:
    """Two arms, one of which pays 1, the other -1; an episode is one pull.

    Which one pays, only the reward says: who cannot remember earns 0.
    """

    name = "bandit"
    observation_size = action_size = horizon = 1
    goals = np.array([[1.0], [-1.0]])

    def reset(self, *, seed=None, options=None):
        del seed
        self._arm = self.goals[options["goal"], 0]
        return np.zeros(1), {}

    def step(self, action):
        reward = float(np.sign(action[0]) * self._arm)
        return np.zeros(1), reward, False, True, {}


def _robots(count, horizon=5):
    return [
        point_robot.PointRobot(
            "dense", point_robot.sample_goals("dense", 4), horizon=horizon
        )
        for _ in range(count)
    ]


def _agent(cell=None, **given):
    keras.utils.set_random_seed(0)
    agent = rl2.RL2(2, 2, cell=cell, units=6, **given)
    agent.compile(epochs=2, baseline_minibatches=2, jit_compile=False)
    return agent


class RecurrentPolicyTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("gru", lambda: keras.layers.GRUCell(5)),
        ("lstm", lambda: keras.layers.LSTMCell(5)),
        (
            "stacked",
            lambda: keras.layers.StackedRNNCells(
                [keras.layers.LSTMCell(3), keras.layers.SimpleRNNCell(4)]
            ),
        ),
    )
    def test_it_does_what_the_layer_of_keras_does(self, make):
        policy = recurrent_policies.RecurrentPolicy(3, 2, cell=make())
        weights = list(map(tf.convert_to_tensor, policy.variables))
        inputs = tf.random.stateless_normal((2, 4, 6, 3), (0, 1))
        outputs = policy.outputs(weights, inputs)
        layer = keras.layers.RNN(policy.cell, return_sequences=True)
        expected = layer(tf.reshape(inputs, (8, 6, 3)))
        np.testing.assert_allclose(
            tf.reshape(outputs, expected.shape), expected, atol=1e-6
        )
        with self.subTest("step by step"):
            states = policy.initial_states(2, 4)
            for number in range(6):
                step = policy.step(weights, inputs[:, :, number], states)
                states = step.states
                np.testing.assert_allclose(
                    step.output, outputs[:, :, number], atol=1e-6
                )
        with self.subTest("with weights of each task's own"):
            copies = [tf.broadcast_to(w, (2, *w.shape)) for w in weights]
            one, other = policy(weights, inputs), policy(copies, inputs)
            np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)
            actions = one.mean + 0.3
            np.testing.assert_allclose(
                one.log_density(actions), other.log_density(actions), atol=1e-5
            )


class RL2Test(parameterized.TestCase):
    def test_what_it_saw_says_how_likely_its_actions_were(self):
        agent = _agent()
        robots = _robots(3)
        generator = np.random.default_rng(0)
        actor = agent.explore(None, 3, generator)
        scales = np.exp(agent.policy.log_scale.numpy())
        means = []

        def draw(observations):
            means.append(actor.act(observations))
            return actor.draw(observations, generator)

        trial = rollouts.collect(
            robots, draw, steps=15, seed=0, observe=actor.observe
        )
        found = agent.policy(
            list(map(tf.convert_to_tensor, agent.policy.variables)),
            tf.constant(agent.trial_inputs(trial)[:, np.newaxis]),
        )
        np.testing.assert_allclose(
            np.clip(found.mean[:, 0], -1, 1), np.stack(means, 1), atol=1e-5
        )
        actions = trial.transitions.action
        standard = (actions - np.stack(means, 1)) / scales
        expected = -0.5 * standard**2 - np.log(scales) - 0.5 * np.log(2 * np.pi)
        np.testing.assert_allclose(
            found.log_density(actions[:, np.newaxis])[:, 0],
            expected.sum(-1),
            atol=1e-4,
        )

    def test_its_state_lives_through_episodes_and_no_longer(self):
        agent = _agent()
        trial = adapting.play_trial(agent, _robots(2), episodes=3, seed=0)
        self.assertEqual(trial.ended.sum(), 2 * 3)
        seen = np.ones((2, 2))
        after = agent.adapt(trial, 2).act(seen)
        for before in (None, 5, 10):
            with self.subTest(before):
                # Of other episodes before, other actions come.
                part = before and _first(trial, before)
                other = agent.adapt(part, 2).act(seen)
                self.assertGreater(np.abs(other - after).max(), 1e-5)
        np.testing.assert_array_equal(agent.adapt(trial, 2).act(seen), after)

    def test_a_bandit_whose_arm_it_must_remember(self):
        keras.utils.set_random_seed(0)
        agent = rl2.RL2(1, 1, units=16, scale=0.5, baseline_hidden=(16,))
        agent.compile(
            keras.optimizers.Adam(5e-3),
            keras.optimizers.Adam(5e-3),
            epochs=4,
            baseline_minibatches=2,
        )
        bandits = [_Bandit() for _ in range(40)]
        agent.fit(bandits, iterations=40, episodes=4, verbose=0)
        goals = [0, 1] * 20
        scores = adapting.score_adaptation(
            agent, bandits, goals, after=(0, 1, 3), seed=1
        )
        means = [
            np.mean([[s.total_reward for s in of_task] for of_task in after])
            for after in scores
        ]
        self.assertAlmostEqual(means[0], 0, delta=0.01)
        self.assertGreater(min(means[1:]), 0.9)

    def test_what_is_scored_may_draw(self):
        drawn, same, likeliest = (
            adapting.score_adaptation(
                _agent(), _robots(2), after=(0,), draws=draws, seed=1
            )
            for draws in (True, True, False)
        )
        self.assertEqual(drawn, same)
        self.assertNotEqual(drawn, likeliest)

    def test_surgery_has_a_gradient_of_each_task(self):
        agent = _agent()
        agent.compile(
            optimizers.PCGrad(keras.optimizers.Adam(1e-3)),
            epochs=1,
            jit_compile=False,
        )
        before = agent.policy.log_scale.numpy()
        (report,) = agent.fit(_robots(2, 2), iterations=1, trials=2, verbose=0)
        self.assertTrue(np.isfinite(list(report.values())).all())
        self.assertGreater(
            np.abs(agent.policy.log_scale.numpy() - before).max(), 0
        )

    def test_a_stopped_run_ends_as_one_that_was_not(self):
        def train(folder, iterations, **given):
            agent = _agent(**given)
            reports = agent.fit(
                _robots(2, 2),
                iterations=iterations,
                verbose=0,
                checkpoints=folder,
            )
            return resumed_runs.without_seconds(reports), [
                v.numpy() for v in agent.variables
            ]

        folder = self.create_tempdir().full_path
        whole, weights = train(None, 2)
        train(folder, 1)
        reports, others = train(folder, 2)
        self.assertEqual(whole, reports)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_array_equal(one, other)
        with self.assertRaisesRegex(errors.InputError, "GRUCell', not 'LSTM"):
            train(folder, 2, cell=keras.layers.LSTMCell(6))

    def test_bad_input(self):
        with self.assertRaisesRegex(
            errors.InputError, "cell: expected a recur"
        ):
            rl2.RL2(2, 2, cell=keras.layers.Dense(3))
        with self.assertRaisesRegex(errors.InputError, "call compile first"):
            rl2.RL2(2, 2).adapt(None, 1)
        agent = _agent()
        with self.assertRaisesRegex(
            errors.InputError, "minibatches=2: expected at most 1"
        ):
            agent.compile(minibatches=2, jit_compile=False)
            agent.fit(_robots(1), iterations=1, verbose=0)
        trial = adapting.play_trial(agent, _robots(2), episodes=1, seed=0)
        with self.assertRaisesRegex(errors.InputError, "steps in 3 tasks"):
            agent.adapt(trial, 3)
        with self.assertRaisesRegex(
            errors.InputError, "trial: of 5 steps .* sizes \\(2, 2\\), expected"
        ):
            other = rl2.RL2(3, 2)
            other.compile(jit_compile=False)
            other.adapt(trial, 2)
        with self.assertRaisesRegex(errors.InputError, "trial: of 0 steps"):
            agent.adapt(_first(trial, 0), 2)
        with self.assertRaisesRegex(errors.InputError, "after=\\[2, 1\\]: exp"):
            adapting.score_adaptation(agent, _robots(2), after=[2, 1], seed=0)
        with self.assertRaisesRegex(
            errors.InputError, "observations: of shape"
        ):
            agent.adapt(trial, 2).act(np.zeros((3, 2)))


def _first(trial, steps):
    """Returns the first steps of a trial."""
    return trial._replace(
        transitions=type(trial.transitions)(
            *(part[:, :steps] for part in trial.transitions)
        ),
        times=trial.times[:, :steps],
        ended=trial.ended[:, :steps],
    )


if __name__ == "__main__":
    absltest.main()

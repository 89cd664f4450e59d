"""Meta-gradients of policies against true ones; and a policy learns to adapt.

Where a test knows the true gradient, actions are not drawn: they are the nodes
of a quadrature, and advantages hold its weights, so that means are exact.
"""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.rl import resumed_runs
from tfmeta import errors
from tfmeta.environments import point_robot
from tfmeta.functional import inner_loop
from tfmeta.rl import (
    adapting,
    clipped_surrogate,
    policies,
    policy_losses,
    trust_region,
)
from tfmeta.rl.agents import policy_maml

_MEAN, _SCALE, _GOAL, _RATE = 0.3, 0.8, 1.5, 0.05


def _policy():
    """Returns a policy whose mean is a bias alone."""
    policy = policies.NormalPolicy(1, 1, hidden=(), scale=_SCALE)
    policy.network.set_weights([np.zeros((1, 1)), np.full(1, _MEAN)])
    return policy


def _nodes(mean):
    """Returns actions of a policy, and what each counts in a mean."""
    points, weights = np.polynomial.hermite_e.hermegauss(12)
    return mean + _SCALE * points, len(points) * weights / weights.sum()


def _one_step_batch(mean):
    """Returns steps of the problem with reward `-(a - goal)^2`."""
    actions, weights = _nodes(mean)
    rewards = -((actions - _GOAL) ** 2)
    return _batch(actions, weights * (rewards - rewards @ weights / 12), 1)


def _batch(actions, advantages, steps):
    """Returns a batch of episodes of some steps, `[1, episodes * steps]`."""
    rows = np.arange(actions.size)
    return policy_losses.PolicyBatch(
        np.zeros((1, actions.size, 1)),
        np.reshape(actions, (1, -1, 1)),
        np.reshape(advantages, (1, -1)),
        np.reshape(rows - rows % steps, (1, -1)),
    ).as_tensors()


def _mean_after_a_step(loss, batch):
    """Returns the mean after an inner step, and its derivative by the mean."""
    policy = _policy()
    start = list(map(tf.convert_to_tensor, policy.variables))
    with tf.GradientTape() as tape:
        tape.watch(start)
        adapted = inner_loop.descend(
            lambda weights, batch: tf.reduce_sum(
                loss(policy(weights, batch.observation), batch)
            ),
            start,
            lambda number: batch,
            # The mean's alone.
            rates=[0.0, _RATE, 0.0],
            steps=1,
        )
        mean = adapted[1][0]
    return float(mean), float(tape.gradient(mean, start)[1][0])


class InnerLossesTest(parameterized.TestCase):
    @parameterized.parameters(*policy_losses.INNER_LOSSES)
    def test_the_step_is_the_policy_gradient(self, name):
        mean, _ = _mean_after_a_step(
            policy_losses.INNER_LOSSES[name], _one_step_batch(_MEAN)
        )
        # E[-(a - g)^2] is -(m - g)^2 - s^2.
        self.assertAlmostEqual(
            mean, _MEAN - _RATE * 2 * (_MEAN - _GOAL), places=5
        )

    @parameterized.parameters(
        ("log_density", 0.0), ("lvc", -2.0), ("dice", -2.0)
    )
    def test_what_remains_of_the_second_derivative(self, name, expected):
        _, derivative = _mean_after_a_step(
            policy_losses.INNER_LOSSES[name], _one_step_batch(_MEAN)
        )
        # The expected reward's is -2.
        self.assertAlmostEqual(derivative, 1 + _RATE * expected, places=4)

    @parameterized.parameters(
        ("log_density", -(_MEAN**2) / _SCALE**2), ("lvc", 0.0), ("dice", 1.0)
    )
    def test_actions_that_matter_together(self, name, expected):
        # Two steps, and the reward is the product of their actions: its mean is
        # m^2, its second derivative 2, of which a step has a half.
        nodes, weights = _nodes(_MEAN)
        first, second = np.meshgrid(nodes, nodes)
        actions = np.stack([first, second], -1)
        counts = np.multiply.outer(weights, weights)
        to_come = (actions.prod(-1) * counts)[..., np.newaxis] * np.ones(2)
        _, derivative = _mean_after_a_step(
            policy_losses.INNER_LOSSES[name], _batch(actions, to_come, 2)
        )
        self.assertAlmostEqual(derivative, 1 + _RATE * expected, places=4)


class PolicyMAMLTest(parameterized.TestCase):
    def test_the_meta_gradient_is_the_true_one(self):
        agent = policy_maml.PolicyMAML(
            1,
            1,
            inner_learning_rate=_RATE,
            inner_loss="lvc",
            hidden=(),
            scale=_SCALE,
        )
        policy = agent.policy
        policy.network.set_weights([np.zeros((1, 1)), np.full(1, _MEAN)])
        seen = _one_step_batch(_MEAN)
        # The scale's own step, of E[dlog pi/dlog s A]: -2 s^2.
        adapted_scale = np.exp(np.log(_SCALE) - _RATE * 2 * _SCALE**2)
        adapted_mean = _MEAN - _RATE * 2 * (_MEAN - _GOAL)
        points, weights = np.polynomial.hermite_e.hermegauss(12)
        actions = adapted_mean + adapted_scale * points
        outcome = _batch(
            actions, -12 * weights / weights.sum() * (actions - _GOAL) ** 2, 1
        )
        start = list(map(tf.convert_to_tensor, policy.variables))
        with tf.GradientTape() as tape:
            tape.watch(start)
            log_densities = policy(
                agent.adapted_weights([seen], start), outcome.observation
            ).log_density(outcome.action)
            loss = policy_losses.importance_loss(
                log_densities, log_densities, outcome.advantage
            )
        # J(m') with m' = m - 2 a (m - g), for which dm'/dm = 1 - 2 a.
        self.assertAlmostEqual(
            float(tape.gradient(loss, start)[1][0]),
            2 * (adapted_mean - _GOAL) * (1 - 2 * _RATE),
            places=4,
        )

    def test_tasks_adapt_apart(self):
        agent = policy_maml.PolicyMAML(1, 1, hidden=(3,))
        rng = np.random.default_rng(0)

        def batch(tasks):
            return policy_losses.PolicyBatch(
                *(part[:tasks] for part in parts)
            ).as_tensors()

        parts = (
            rng.normal(size=(2, 5, 1)),
            rng.normal(size=(2, 5, 1)),
            rng.normal(size=(2, 5)),
            np.zeros((2, 5)),
        )
        both = agent.adapted_weights([batch(2)])
        alone = agent.adapted_weights([batch(1)])
        for ours, theirs in zip(both, alone, strict=True):
            np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
            self.assertGreater(np.abs(ours[1] - ours[0]).max(), 1e-5)

    @parameterized.named_parameters(
        ("trpo", 1, trust_region.TrustRegion(0.05)),
        ("trpo_two_steps", 2, trust_region.TrustRegion(0.05)),
        (
            "ppo_two_steps",
            2,
            clipped_surrogate.ClippedSurrogate(epochs=5, minibatches=1),
        ),
    )
    def test_point_robots_learn_to_adapt(self, inner_steps, step):
        keras.utils.set_random_seed(0)
        robots = [
            point_robot.PointRobot("dense", [goal], horizon=10)
            for goal in ([1.0, 0.0], [-1.0, 0.0])
        ]
        agent = policy_maml.PolicyMAML(
            2,
            2,
            inner_learning_rate=1.0 / inner_steps,
            inner_steps=inner_steps,
            inner_loss="lvc",
            hidden=(16,),
            scale=0.5,
        )
        agent.compile(step, jit_compile=False)
        agent.fit(robots, iterations=40, episodes=10, verbose=0)
        played = agent.evaluate(robots, episodes=20, seed=7)
        self.assertLen(played, inner_steps + 1)
        before, after = (
            [
                np.mean([s.total_reward for s in scores if s.task == robot])
                for robot in range(2)
            ]
            for scores in (played[0], played[-1])
        )
        gains = np.subtract(after, before)
        # They move by at most 0.1 in a step, ten of them in an episode.
        self.assertGreater(min(gains), 0.5)
        self.assertGreater(np.mean(gains), 1.5)

    def test_it_adapts_by_what_it_explored(self):
        robots = [
            point_robot.PointRobot("dense", [[0.5, sign]], horizon=5)
            for sign in (-1.0, 1.0)
        ]
        keras.utils.set_random_seed(0)
        agent = policy_maml.PolicyMAML(2, 2, test_steps=2, hidden=(4,))
        trial = adapting.play_trial(agent, robots, episodes=3, seed=3)
        self.assertEqual(trial.times.shape, (2, 15))
        seen = np.ones((2, 2), np.float32)
        batches = [agent._batch(trial)] * 2
        expected = agent.policy(
            agent.adapted_weights(batches), seen[:, np.newaxis]
        )
        np.testing.assert_allclose(
            agent.adapt(trial, 2).act(seen),
            np.clip(expected.mean[:, 0], -1, 1),
            atol=1e-6,
        )
        with self.subTest("what it explores by has not adapted"):
            np.testing.assert_array_equal(
                agent.explore(trial, 2, np.random.default_rng(0)).act(seen),
                agent.adapt(None, 2).act(seen),
            )
        with self.assertRaisesRegex(errors.InputError, "steps in 3 tasks"):
            agent.adapt(trial, 3)

    def test_calls_go_on_where_the_last_stopped(self):
        robots = [
            point_robot.PointRobot(
                "dense", point_robot.sample_goals("dense", 5), horizon=5
            )
            for _ in range(3)
        ]

        def train(*iterations):
            keras.utils.set_random_seed(0)
            agent = policy_maml.PolicyMAML(2, 2, hidden=(4,))
            agent.compile()
            reports = []
            for number in iterations:
                reports += agent.fit(
                    robots, iterations=number, episodes=3, verbose=0
                )
            return resumed_runs.without_seconds(reports), [
                v.numpy() for v in agent.policy.variables
            ]

        reports, weights = train(3)
        again, others = train(1, 3)
        self.assertEqual(reports, again)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_a_stopped_run_ends_as_one_that_was_not(self):
        robots = [
            point_robot.PointRobot("dense", [[0.5, 0.5]], horizon=5)
            for _ in range(2)
        ]

        def train(folder, iterations, **given):
            keras.utils.set_random_seed(0)
            agent = policy_maml.PolicyMAML(2, 2, hidden=(4,), **given)
            agent.compile(jit_compile=False)
            reports = agent.fit(
                robots,
                iterations=iterations,
                episodes=3,
                verbose=0,
                checkpoints=folder,
                save_every=2,
            )
            return resumed_runs.without_seconds(reports), [
                v.numpy() for v in agent.variables
            ]

        folder = self.create_tempdir().full_path
        whole, weights = train(None, 5)
        train(folder, 3)
        reports, others = train(folder, 5)
        self.assertEqual(whole, reports)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_array_equal(one, other)
        with self.assertRaisesRegex(errors.InputError, "discount=0.99, not"):
            train(folder, 5, discount=0.5)

    def test_bad_input(self):
        with self.assertRaisesRegex(
            errors.InputError, "inner_loss: expected one of log_density, lvc"
        ):
            policy_maml.PolicyMAML(2, 2, inner_loss="reinforce")
        with self.assertRaisesRegex(errors.InputError, "inner_steps=-1"):
            policy_maml.PolicyMAML(2, 2, inner_steps=-1)
        with self.assertRaisesRegex(errors.InputError, "call compile first"):
            policy_maml.PolicyMAML(2, 2).fit([], iterations=1)
        agent = policy_maml.PolicyMAML(3, 2)
        agent.compile()
        with self.assertRaisesRegex(errors.InputError, "the agent \\(3, 2\\)"):
            agent.fit(
                [point_robot.PointRobot("dense", [[0.0, 0.0]])], iterations=1
            )


if __name__ == "__main__":
    absltest.main()

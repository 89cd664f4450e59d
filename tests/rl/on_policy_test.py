"""Steps of PPO and TRPO against closed forms; and the agents learn."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.rl import resumed_runs
from tfmeta import errors, optimizers
from tfmeta.environments import point_robot
from tfmeta.rl import (
    clipped_surrogate,
    minibatches,
    policies,
    policy_losses,
    trust_region,
)
from tfmeta.rl.agents import on_policy

_TASKS, _STEPS, _OBSERVATIONS, _ACTIONS = 2, 40, 3, 2
_SEED = tf.constant([5, 0], tf.int64)


def _linear_policy():
    """Returns a policy whose mean is linear in the observation."""
    keras.utils.set_random_seed(1)
    return policies.NormalPolicy(_OBSERVATIONS, _ACTIONS, hidden=(), scale=0.7)


def _batch(seed=0):
    rng = np.random.default_rng(seed)
    return policy_losses.PolicyBatch(
        rng.normal(size=(_TASKS, _STEPS, _OBSERVATIONS)),
        rng.normal(size=(_TASKS, _STEPS, _ACTIONS)),
        rng.normal(size=(_TASKS, _STEPS)),
        np.zeros((_TASKS, _STEPS)),
    ).as_tensors()


def _parameters(policy):
    return [np.asarray(v, np.float64) for v in policy.variables]


def _log_density(kernel, bias, log_scale, observations, actions):
    """Computes log-densities by hand, in float64."""
    standard = (actions - observations @ kernel - bias) / np.exp(log_scale)
    return (-(standard**2) / 2 - log_scale - np.log(2 * np.pi) / 2).sum(-1)


def _policy_gradients(policy, batch):
    """Returns the gradient of `mean(log pi A)` of each task, by hand."""
    kernel, bias, log_scale = _parameters(policy)
    observation, action, advantage = (
        np.asarray(part, np.float64) for part in batch[:3]
    )
    standard = (action - observation @ kernel - bias) / np.exp(2 * log_scale)
    weighted = advantage[..., np.newaxis] * standard
    of_scale = advantage[..., np.newaxis] * (
        standard**2 * np.exp(2 * log_scale) - 1
    )
    return [
        np.einsum("tso,tsa->toa", observation, weighted) / _STEPS,
        weighted.mean(1),
        of_scale.mean(1),
    ]


def _fisher(policy, batch):
    """Returns the Fisher information of a linear policy, by hand."""
    log_scale = _parameters(policy)[-1]
    seen = np.asarray(batch.observation, np.float64).reshape(-1, _OBSERVATIONS)
    with_bias = np.concatenate([seen, np.ones((len(seen), 1))], -1)
    second = with_bias.T @ with_bias / len(seen)
    of_means = np.kron(second, np.diag(np.exp(-2 * log_scale)))
    size = len(of_means)
    whole = np.zeros((size + _ACTIONS, size + _ACTIONS))
    whole[:size, :size] = of_means
    whole[size:, size:] = 2 * np.eye(_ACTIONS)
    return whole


def _flat(parts):
    return np.concatenate([np.ravel(part) for part in parts])


class NormalTest(absltest.TestCase):
    def test_density_entropy_and_divergence_by_sampling(self):
        rng = np.random.default_rng(0)
        mean, log_scale = rng.normal(size=(2, _ACTIONS))
        other = policies.Normal(*tf.constant(rng.normal(size=(2, _ACTIONS))))
        normal = policies.Normal(tf.constant(mean), tf.constant(log_scale))
        actions = mean + np.exp(log_scale) * rng.normal(
            size=(400_000, _ACTIONS)
        )
        log_densities = normal.log_density(tf.constant(actions)).numpy()
        np.testing.assert_allclose(
            log_densities[:9],
            _log_density(
                np.zeros((1, _ACTIONS)),
                mean,
                log_scale,
                np.zeros((9, 1)),
                actions[:9],
            ),
        )
        np.testing.assert_allclose(
            normal.entropy(), -log_densities.mean(), rtol=1e-2
        )
        np.testing.assert_allclose(
            normal.divergence(other),
            np.mean(log_densities - other.log_density(actions)),
            rtol=2e-2,
        )

    def test_what_acts_in_numpy_is_the_policy(self):
        policy = policies.NormalPolicy(_OBSERVATIONS, _ACTIONS, hidden=(5,))
        rng = np.random.default_rng(0)
        seen = rng.normal(size=(_TASKS, 4, _OBSERVATIONS)).astype("float32")
        by_task = [
            tf.constant(rng.normal(size=(_TASKS, *v.shape)), tf.float32)
            for v in policy.variables
        ]
        for weights in (None, by_task):
            actor = policy.actor(weights)
            normal = policy(
                list(map(tf.convert_to_tensor, policy.variables))
                if weights is None
                else weights,
                tf.constant(seen),
            )
            np.testing.assert_allclose(
                actor.mean(seen), normal.mean, rtol=1e-4, atol=1e-5
            )
            scales = np.broadcast_to(actor.scale, (_TASKS, 1, _ACTIONS))
            expected = tf.exp(normal.log_scale) * tf.ones((_TASKS, 1, _ACTIONS))
            np.testing.assert_allclose(scales, expected, rtol=1e-5)
            drawn = actor.draw(seen, np.random.default_rng(3))
            noise = np.random.default_rng(3).standard_normal(
                drawn.shape, np.float32
            )
            np.testing.assert_allclose(
                drawn, actor.mean(seen) + actor.scale * noise
            )

    def test_scales_stay_within_their_bounds(self):
        policy = policies.NormalPolicy(
            1, 1, hidden=(), scale=1.0, scale_bounds=(0.5, 1.5)
        )
        policy.log_scale.assign([9.0])
        self.assertAlmostEqual(float(policy.actor().scale[0]), 1.5, places=5)

    def test_bad_scale(self):
        with self.assertRaisesRegex(errors.InputError, "scale=2.0, scale_bou"):
            policies.NormalPolicy(1, 1, scale=2.0, scale_bounds=(0.5, 1.5))


class TrustRegionTest(parameterized.TestCase):
    def test_fisher_vector_products_are_those_of_the_matrix(self):
        policy, batch = _linear_policy(), _batch()
        weights = list(map(tf.convert_to_tensor, policy.variables))
        old = policy(weights, batch.observation)
        whole = _fisher(policy, batch)
        for column in range(0, len(whole), 3):
            vector = np.eye(len(whole))[column]
            pieces = np.split(vector, [6, 8])
            product = trust_region.fisher_vector_product(
                lambda new: tf.reduce_mean(
                    old.divergence(policy(new, batch.observation))
                ),
                weights,
                [
                    tf.constant(piece.reshape(w.shape), tf.float32)
                    for piece, w in zip(pieces, weights, strict=True)
                ],
                damping=0.25,
            )
            np.testing.assert_allclose(
                _flat(product), whole @ vector + 0.25 * vector, atol=1e-4
            )

    def test_conjugate_gradients_solve(self):
        rng = np.random.default_rng(0)
        root = rng.normal(size=(6, 6))
        matrix = tf.constant(root @ root.T + np.eye(6), tf.float32)
        target = tf.constant(rng.normal(size=6), tf.float32)
        (found,), (left,) = trust_region.conjugate_gradients(
            lambda parts: [tf.linalg.matvec(matrix, parts[0])],
            [target],
            steps=12,
        )
        np.testing.assert_allclose(
            tf.linalg.matvec(matrix, found), target, atol=1e-3
        )
        np.testing.assert_allclose(left, 0, atol=1e-3)

    @parameterized.parameters((None,), (optimizers.PCGrad,), (optimizers.MGDA,))
    def test_the_step_is_the_natural_gradients(self, surgery):
        policy, batch = _linear_policy(), _batch()
        step = trust_region.TrustRegion(
            1e-4,
            surgery and surgery(None),
            conjugate_steps=30,
            damping=0.0,
        )
        step.prepare(policy.variables, _TASKS)
        gradients = np.stack(
            [
                _flat([part[task] for part in _policy_gradients(policy, batch)])
                for task in range(_TASKS)
            ]
        )
        weights = np.full(_TASKS, 1 / _TASKS)
        if surgery:
            again = surgery(None)
            again.build([])
            weights = again.weigh(
                tf.constant(gradients @ gradients.T, tf.float32)
            ).numpy()
        gradient = weights @ gradients
        fisher = _fisher(policy, batch)
        direction = np.linalg.solve(fisher, gradient)
        length = np.sqrt(2e-4 / (direction @ fisher @ direction))
        before = _flat(_parameters(policy))
        report = tf.function(
            lambda: step.improve(policy, policy.variables, batch, _SEED),
            autograph=False,
            jit_compile=True,
        )()
        # Shortened where the divergence was just too large.
        self.assertBetween(float(report["step_scale"]), 0.8, 1.0)
        np.testing.assert_allclose(
            _flat(_parameters(policy)) - before,
            float(report["step_scale"]) * length * direction,
            rtol=2e-2,
            atol=1e-5,
        )
        self.assertBetween(float(report["divergence"]), 0.0, 1.0001e-4)

    def test_a_step_that_makes_nothing_better_is_not_made(self):
        policy = _linear_policy()
        batch = _batch()._replace(advantage=tf.zeros((_TASKS, _STEPS)))
        before = _parameters(policy)
        report = trust_region.TrustRegion().improve(
            policy, policy.variables, batch, _SEED
        )
        self.assertEqual(report["step_scale"], 0)
        for old, new in zip(before, _parameters(policy), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_bad_divergence(self):
        with self.assertRaisesRegex(errors.InputError, "max_divergence=0"):
            trust_region.TrustRegion(0.0)


class ClippedSurrogateTest(parameterized.TestCase):
    @parameterized.parameters((None,), (optimizers.PCGrad,))
    def test_the_first_step_is_along_the_policy_gradient(self, surgery):
        policy, batch = _linear_policy(), _batch()
        rate = 0.1
        sgd = keras.optimizers.SGD(rate)
        step = clipped_surrogate.ClippedSurrogate(
            surgery(sgd, reduction="mean") if surgery else sgd,
            epochs=1,
            minibatches=1,
        )
        step.prepare(policy.variables, _TASKS)
        gradients = _policy_gradients(policy, batch)
        flat = np.stack(
            [_flat([part[t] for part in gradients]) for t in range(_TASKS)]
        )
        weights = np.full(_TASKS, 1 / _TASKS)
        if surgery:
            again = surgery(None, reduction="mean")
            again.build([])
            weights = again.weigh(tf.constant(flat @ flat.T, tf.float32))
        before = _flat(_parameters(policy))
        step.improve(policy, policy.variables, batch, _SEED)
        np.testing.assert_allclose(
            _flat(_parameters(policy)) - before,
            rate * np.asarray(weights) @ flat,
            atol=1e-5,
        )

    def test_clipping_by_hand(self):
        # Ratios 1.5 and 0.5: what would pay is clipped, what costs is not.
        loss = policy_losses.clipped_loss(
            tf.math.log([1.5, 1.5, 0.5, 0.5]),
            tf.zeros(4),
            tf.constant([1.0, -1.0, 1.0, -1.0]),
            clip=0.2,
        )
        self.assertAlmostEqual(
            float(loss), -(1.2 - 1.5 + 0.5 - 0.8) / 4, places=6
        )

    def test_all_rows_are_passed_once_an_epoch(self):
        passes = minibatches.Passes(3, 4)
        rows = tf.reshape(tf.range(2 * 8), (2, 8))
        seen = []

        def step(part):
            self.assertEqual(part.shape, (2, 2))
            seen.append(part.numpy())
            return tf.cast(tf.reduce_sum(part), tf.float32)

        mean = passes.run(step, rows, _SEED)
        self.assertAlmostEqual(float(mean), 120 / 4)
        for epoch in range(3):
            of_epoch = np.concatenate(seen[4 * epoch : 4 * epoch + 4], -1)
            np.testing.assert_array_equal(np.sort(of_epoch, -1), rows)
        self.assertFalse(np.array_equal(seen[:4], seen[4:8]))

    def test_more_parts_than_rows(self):
        policy = _linear_policy()
        with self.assertRaisesRegex(
            errors.InputError, "minibatches=64: expected at most 40"
        ):
            clipped_surrogate.ClippedSurrogate(minibatches=64).improve(
                policy, policy.variables, _batch(), _SEED
            )


class _Bandit:
    """Each step is an episode; the reward is how near an action is to 0.5.

    The observation says which way: it is 1 or -1.
    """

    name = "bandit"
    observation_size = 1
    action_size = 1
    horizon = 1
    goals = np.zeros((1, 0))

    def __init__(self, sign=1.0):
        self._sign = sign
        self._seen = np.zeros(1)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ):
        del options
        self._seen = np.sign(np.random.default_rng(seed).normal(size=1))
        return self._seen, {}

    def step(self, action):
        target = 0.5 * self._sign * self._seen[0]
        reward = -float((action[0] - target) ** 2)
        return self._seen, reward, True, False, {}


def _act(agent, *seen):
    """Returns the action of each task, each of which sees a number."""
    return agent.act(np.array(seen)[:, np.newaxis])[:, 0]


class AgentsTest(parameterized.TestCase):
    @parameterized.named_parameters(
        (
            "ppo",
            on_policy.PPO,
            {"optimizer": keras.optimizers.Adam, "minibatches": 4},
        ),
        (
            "trpo",
            on_policy.TRPO,
            {"max_divergence": 0.05, "baseline_minibatches": 4},
        ),
    )
    def test_a_bandit_is_learned(self, kind, how):
        keras.utils.set_random_seed(0)
        agent = kind(1, 1, hidden=(16,), scale=0.5)
        if "optimizer" in how:
            how = how | {"optimizer": how["optimizer"](1e-3)}
        agent.compile(**how)
        agent.fit(
            [_Bandit()], iterations=15, steps_per_iteration=256, verbose=0
        )
        self.assertAlmostEqual(_act(agent, 1.0)[0], 0.5, delta=0.1)
        self.assertAlmostEqual(_act(agent, -1.0)[0], -0.5, delta=0.1)

    def test_tasks_are_told_apart_and_surgery_is_an_argument(self):
        keras.utils.set_random_seed(0)
        agent = on_policy.PPO(1, 1, tasks=2, hidden=(16,), scale=0.5)
        agent.compile(
            optimizers.PCGrad(keras.optimizers.Adam(3e-3)), minibatches=4
        )
        agent.fit(
            [_Bandit(1.0), _Bandit(-1.0)],
            iterations=20,
            steps_per_iteration=256,
            verbose=0,
        )
        np.testing.assert_allclose(
            _act(agent, 1.0, 1.0), [0.5, -0.5], atol=0.15
        )

    def test_an_exported_policy_acts_as_the_agent(self):
        agent = on_policy.PPO(2, 2, tasks=2, hidden=(4,))
        folder = f"{self.create_tempdir().full_path}/policy"
        agent.export(folder)
        act = tf.saved_model.load(folder).signatures["serving_default"]
        seen = 9 * np.random.default_rng(0).normal(size=(2, 2))
        np.testing.assert_allclose(
            act(observation=tf.constant(seen, tf.float32), task=tf.range(2))[
                "action"
            ],
            agent.act(seen),
            rtol=1e-4,
            atol=1e-5,
        )

    @parameterized.parameters(on_policy.PPO, on_policy.TRPO)
    def test_calls_go_on_where_the_last_stopped(self, kind):
        def train(*iterations):
            keras.utils.set_random_seed(0)
            robot = point_robot.PointRobot("dense", [[0.5, 0.5]])
            agent = kind(2, 2, hidden=(4,))
            agent.compile(jit_compile=False)
            reports = []
            for number in iterations:
                reports += agent.fit(
                    [robot],
                    iterations=number,
                    steps_per_iteration=40,
                    verbose=0,
                )
            return (
                resumed_runs.without_seconds(reports),
                _parameters(agent.policy),
            )

        reports, weights = train(3)
        again, others = train(1, 3)
        self.assertEqual(reports, again)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_array_equal(one, other)

    @parameterized.parameters(on_policy.PPO, on_policy.TRPO)
    def test_a_stopped_run_ends_as_one_that_was_not(self, kind):
        def train(folder, iterations, rate=1e-3):
            keras.utils.set_random_seed(0)
            agent = kind(2, 2, hidden=(4,))
            agent.compile(
                baseline_optimizer=keras.optimizers.Adam(rate),
                jit_compile=False,
            )
            reports = agent.fit(
                [point_robot.PointRobot("dense", [[0.5, 0.5]])],
                iterations=iterations,
                steps_per_iteration=40,
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
        with self.assertRaisesRegex(
            errors.InputError, "baseline_optimizer.config.learning_rate"
        ):
            train(folder, 5, rate=1e-2)

    def test_bad_input(self):
        agent = on_policy.PPO(2, 2)
        robot = point_robot.PointRobot("dense", [[0.5, 0.5]])
        with self.assertRaisesRegex(errors.InputError, "PPO: call compile"):
            agent.fit([robot], iterations=1)
        agent.compile()
        with self.assertRaisesRegex(errors.InputError, "expected 1, one for"):
            agent.fit([robot, robot], iterations=1)
        with self.assertRaisesRegex(errors.InputError, "tasks=0"):
            on_policy.TRPO(2, 2, 0)


if __name__ == "__main__":
    absltest.main()

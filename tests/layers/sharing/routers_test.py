"""Routers: decisions and the policy learner."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import loss_learners, routers

_TASKS = ("a", "b")
# The inputs that are routed; a table does not depend on them.
_ROUTED = np.zeros((4, 1), np.float32)


def _router(depth=2, blocks=3, **kwargs):
    router = routers.Router(_TASKS, depth, blocks, seed=1, **kwargs)
    router.build()
    return router


def _numbers(decisions):
    return [int(decision) for decision in decisions]


class LearnsFromLossesTest(absltest.TestCase):
    def test_a_router_does(self):
        self.assertIsInstance(_router(), loss_learners.LearnsFromLosses)

    def test_a_layer_that_learns_by_gradients_does_not(self):
        layer = keras.layers.Dense(1)
        self.assertNotIsInstance(layer, loss_learners.LearnsFromLosses)


class DecisionsTest(parameterized.TestCase):
    def test_are_drawn_from_the_policy_in_training(self):
        router = _router(depth=2, blocks=3)
        policy = np.array([[0.7, 0.0, 0.3], [0.1, 0.6, 0.3]])
        policies = np.full((2, 2, 3), 1 / 3)
        policies[1] = policy
        router.policies.assign(policies)
        draws = 2000

        @tf.function
        def count():
            counts = tf.zeros((2, 3))
            for _ in tf.range(draws):
                decisions = router(_ROUTED, task="b", training=True)
                counts += tf.one_hot(tf.stack(decisions), 3)
            return counts

        counts = count().numpy()
        np.testing.assert_array_less(
            np.abs(counts / draws - policy), 5 * 0.5 / np.sqrt(draws)
        )
        self.assertEqual(counts[0, 1], 0)

    def test_are_the_likeliest_at_inference(self):
        router = _router()
        router.policies.assign(
            [[[0.1, 0.2, 0.7], [0.4, 0.3, 0.3]], [[0.2, 0.5, 0.3]] * 2]
        )
        state = router.seed_generator.state.numpy()
        self.assertEqual(_numbers(router(_ROUTED, task="a")), [2, 0])
        self.assertEqual(_numbers(router(_ROUTED, task="b")), [1, 1])
        np.testing.assert_array_equal(router.seed_generator.state, state)

    def test_of_training_are_remembered_by_task(self):
        router = _router(depth=4, blocks=5)
        first = _numbers(router(_ROUTED, task="a", training=True))
        second = _numbers(router(_ROUTED, task="b", training=True))
        router(_ROUTED, task="a")
        self.assertEqual(_numbers(router.last_decisions("a")), first)
        self.assertEqual(_numbers(router.last_decisions("b")), second)

    def test_for_each_example_are_drawn_from_the_policy(self):
        router = _router(depth=2, blocks=3, decides_for="example")
        policy = np.array([[0.7, 0.0, 0.3], [0.1, 0.6, 0.3]])
        policies = np.full((2, 2, 3), 1 / 3)
        policies[1] = policy
        router.policies.assign(policies)
        size = 4000
        routed = np.zeros((size, 5), np.float32)
        decisions = router(routed, task="b", training=True)
        chosen = tf.one_hot(tf.stack(decisions), 3)
        self.assertEqual(chosen.shape, (2, size, 3))
        shares = tf.reduce_mean(chosen, 1).numpy()
        np.testing.assert_array_less(
            np.abs(shares - policy), 5 * 0.5 / np.sqrt(size)
        )
        # The depths decide apart.
        both = tf.reduce_mean(chosen[0, :, 0] * chosen[1, :, 1])
        self.assertAlmostEqual(float(both), 0.7 * 0.6, delta=0.05)
        symbols = router(keras.Input((5,)), task="b", training=True)
        self.assertEqual([s.shape for s in symbols], [(None,)] * 2)

    @parameterized.parameters(False, True)
    def test_for_each_example_are_remembered_by_task(self, jit_compile):
        router = _router(depth=4, blocks=5, decides_for="example")

        @tf.function(jit_compile=jit_compile)
        def decide():
            drawn = [
                tf.stack(router(_ROUTED, task=task, training=True))
                for task in _TASKS
            ]
            router(_ROUTED, task="a")
            return drawn, [router.last_decisions(task, 4) for task in _TASKS]

        for _ in range(2):
            np.testing.assert_array_equal(*decide())
        with self.assertRaisesRegex(errors.InputError, "batch_size=None"):
            router.last_decisions("a")

    def test_at_inference_each_example_has_the_likeliest(self):
        router = _router(decides_for="example")
        router.policies.assign([[[0.1, 0.2, 0.7], [0.4, 0.3, 0.3]]] * 2)
        self.assertEqual(_numbers(router(_ROUTED, task="a")), [2, 0])

    def test_a_seed_fixes_them(self):
        draws = [
            [
                _numbers(router(_ROUTED, task="a", training=True))
                for _ in range(9)
            ]
            for router in (_router(), _router())
        ]
        self.assertEqual(*draws)
        self.assertGreater(len({tuple(draw) for draw in draws[0]}), 3)


class WeightedPolicyLearnerTest(parameterized.TestCase):
    def test_one_step_by_hand(self):
        router = _router(
            learning_rate=0.1,
            collaboration=0.5,
            average_rate=0.25,
            min_probability=0.0,
        )
        policies = np.array(
            [[[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], [[0.1, 0.1, 0.8]] * 2]
        )
        router.policies.assign(policies)
        router.average_returns.assign([[0.2, 0.9], [0.0, 0.0]])
        router.update_policies("a", [1, 2], [1.0, 1.0, -1.0, 1.0])
        # Usage of the blocks, averaged over both tasks: .2 and .7.
        returns = np.array([0.5 + 0.5 * (0.2 + 0.7), 0.5 + 0.5 * 0.7])
        # .95 is above its average, .85 below.
        steps = [0.1 * 0.75 * (1 - 0.3), 0.1 * -0.05 * 0.6]
        expected = policies.copy()
        expected[0, 0] += np.array([-0.5, 1.0, -0.5]) * steps[0] * 2 / 3
        expected[0, 1] += np.array([-0.5, -0.5, 1.0]) * steps[1] * 2 / 3
        np.testing.assert_allclose(router.policies, expected, rtol=1e-5)
        np.testing.assert_allclose(
            router.average_returns,
            [0.75 * np.array([0.2, 0.9]) + 0.25 * returns, [0, 0]],
            rtol=1e-5,
            atol=1e-7,
        )

    def test_a_step_for_examples_is_the_mean_of_theirs(self):
        arguments = {"collaboration": 0.5, "min_probability": 0.0}
        router = _router(decides_for="example", **arguments)
        policies = np.array(
            [[[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], [[0.1, 0.1, 0.8]] * 2]
        )
        router.policies.assign(policies)
        router.average_returns.assign([[0.2, 0.9], [0.0, 0.0]])
        decisions = np.array([[1, 0, 1], [2, 2, 0]])
        rewards = np.array([1.0, -1.0, 0.5])
        router.update_policies("a", decisions, rewards)
        changes, averages = [], []
        for decision, reward in zip(decisions.T, rewards, strict=True):
            one = _router(**arguments)
            one.policies.assign(policies)
            one.average_returns.assign([[0.2, 0.9], [0.0, 0.0]])
            one.update_policies("a", decision, reward)
            changes.append(one.policies - policies)
            averages.append(one.average_returns)
        # Small steps: no projection but the one that keeps the sum.
        np.testing.assert_allclose(
            router.policies - policies,
            np.mean(changes, 0),
            rtol=1e-4,
            atol=1e-7,
        )
        np.testing.assert_allclose(
            router.average_returns, np.mean(averages, 0), rtol=1e-5, atol=1e-7
        )

    def test_learns_from_losses_of_examples(self):
        router = _router(depth=1, blocks=3, decides_for="example")
        for _ in range(300):
            (decisions,) = router(_ROUTED, task="a", training=True)
            losses = tf.where(decisions == 1, 0.0, 1.0)
            router.learn_from_losses({"a": losses, "unknown": losses})
        self.assertGreater(router.policies[0, 0, 1], 0.8)
        np.testing.assert_allclose(router.policies[1, 0], 1 / 3, rtol=1e-5)
        with self.assertRaisesRegex(errors.InputError, "loss of 'a'.*each"):
            router.learn_from_losses({"a": tf.constant(1.0)})

    @parameterized.named_parameters(
        ("certain_rewards", lambda good, uniform: good),
        (
            "noisy_rewards",
            # Right 80% of the time, or 40%, in a batch of 8.
            lambda good, uniform: tf.where(
                uniform < tf.where(good > 0, 0.8, 0.4), 1.0, -1.0
            ),
        ),
    )
    def test_learns_the_best_arm_of_a_bandit(self, reward):
        best = {"a": [4, 0, 2], "b": [1, 3, 2]}
        router = _router(depth=3, blocks=5, learning_rate=0.05)

        @tf.function
        def play(rounds):
            for uniform in rounds:
                for number, (task, arms) in enumerate(best.items()):
                    decisions = router(_ROUTED, task=task, training=True)
                    # The reward is of all decisions together: each agent sees
                    # that of the others as noise.
                    right = tf.cast(tf.equal(decisions, arms), tf.float32)
                    good = 2 * tf.reduce_mean(right) - 1
                    router.update_policies(
                        task,
                        router.last_decisions(task),
                        tf.reduce_mean(reward(good, uniform[number])),
                    )

        play(tf.random.stateless_uniform((1500, len(best), 8), (0, 0)))
        for task, arms in best.items():
            self.assertEqual(_numbers(router(_ROUTED, task=task)), arms)
        chosen = [
            router.policies[index, depth, arm]
            for index, arms in enumerate(best.values())
            for depth, arm in enumerate(arms)
        ]
        self.assertGreater(np.min(chosen), 0.5)

    def test_policies_stay_distributions(self):
        router = _router(depth=2, blocks=4, learning_rate=10.0)
        rng = np.random.default_rng(0)
        for _ in range(50):
            router.update_policies(
                rng.choice(_TASKS), rng.integers(0, 4, 2), rng.normal(0, 5, 3)
            )
            rows = router.policies.numpy()
            np.testing.assert_allclose(rows.sum(-1), 1, rtol=1e-5)
            self.assertGreaterEqual(rows.min(), 1e-3 - 1e-7)
        self.assertGreater(rows.max(), 0.9)

    def test_collaboration_draws_agents_to_one_block(self):
        """Without any reward for the task, they agree on what is used."""
        used = {}
        for collaboration in (0.0, 1.0):
            router = _router(
                blocks=4, collaboration=collaboration, learning_rate=0.05
            )
            start = np.full((2, 2, 4), 0.2)
            start[..., 2] = 0.4
            router.policies.assign(start)

            @tf.function
            def play(router=router):
                for _ in tf.range(1000):
                    for task in _TASKS:
                        decisions = router(_ROUTED, task=task, training=True)
                        router.update_policies(task, decisions, 0.0)

            play()
            used[collaboration] = router.policies[..., 2].numpy().min()
        self.assertAlmostEqual(used[0.0], 0.4, places=5)
        self.assertGreater(used[1.0], 0.7)

    @parameterized.parameters(
        ({"tasks": []}, "tasks="),
        ({"depth": 0}, "depth=0"),
        ({"blocks": 0}, "blocks=0"),
        ({"learning_rate": 0.0}, "learning_rate=0"),
        ({"collaboration": 1.1}, "collaboration=1.1"),
        ({"average_rate": 0.0}, "average_rate=0"),
        ({"min_probability": 0.4}, "min_probability=0.4"),
        ({"decides_for": "batch"}, "decides_for='batch'.*task, example"),
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message):
            routers.Router(
                **{"tasks": _TASKS, "depth": 1, "blocks": 3, **arguments}
            )

    def test_unknown_tasks_are_refused(self):
        router = _router()
        for call in (
            lambda: router(_ROUTED, task="c"),
            lambda: router.last_decisions("c"),
            lambda: router.update_policies("c", [0, 0], 1.0),
        ):
            with self.assertRaisesRegex(errors.InputError, "task='c'"):
                call()


if __name__ == "__main__":
    absltest.main()

"""SAC: its update against a plain one, task by task; and it learns."""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, optimizers, training
from tfmeta.rl import collecting, replay
from tfmeta.rl.agents import sac

_OBSERVATIONS, _ACTIONS, _BATCH = 3, 2, 5
_DISCOUNT, _RATE, _TARGET_RATE = 0.9, 0.1, 0.25


def _batches(tasks, updates=1, seed=0):
    rng = np.random.default_rng(seed)

    def numbers(*size):
        return rng.normal(size=(updates, tasks, _BATCH, *size))

    return replay.Transitions(
        numbers(_OBSERVATIONS),
        np.tanh(numbers(_ACTIONS)),
        numbers(),
        numbers(_OBSERVATIONS),
        rng.integers(2, size=(updates, tasks, _BATCH)),
    )


def _sgd():
    return keras.optimizers.SGD(_RATE)


def _agent(tasks, optimizer=_sgd, **given):
    keras.utils.set_random_seed(0)
    agent = sac.SAC(
        _OBSERVATIONS,
        _ACTIONS,
        tasks,
        **{
            "hidden": (6,),
            "discount": _DISCOUNT,
            "target_rate": _TARGET_RATE,
            "reward_scale": 2.0,
            "initial_temperature": 0.5,
            "seed": 4,
        }
        | given,
    )
    agent.compile(optimizer(), optimizer(), _sgd(), jit_compile=False)
    return agent


def _variables(agent):
    networks = [agent.actor, *agent.critics, *agent.target_critics]
    return [
        agent.log_temperatures,
        *(v for network in networks for v in network.trainable_variables),
    ]


def _values(agent):
    return [variable.numpy() for variable in _variables(agent)]


def _reference_gradients(agent, batch, noise, task):
    """Differentiates one task's losses, by Keras' networks and by hand.

    Returns:
        Gradients of the critics, of the actor given critics that were updated
        before, as a function, and the entropy.
    """
    alpha = float(np.exp(agent.log_temperatures.numpy()[task]))
    one_hot = np.eye(agent.tasks, dtype=np.float32)[task]
    if agent.tasks == 1:
        one_hot = one_hot[:0]

    def seen(*parts):
        return tf.concat([*parts, tf.tile([one_hot], (len(parts[0]), 1))], -1)

    def draw(observations, noise):
        mean, log_scale = tf.split(agent.actor(seen(observations)), 2, -1)
        raw = mean + tf.exp(tf.clip_by_value(log_scale, -20, 2)) * noise
        actions = tf.tanh(raw)
        log_densities = tf.reduce_sum(
            -(noise**2) / 2
            - tf.clip_by_value(log_scale, -20, 2)
            - np.log(2 * np.pi) / 2
            - tf.math.log(1 - actions**2),
            -1,
        )
        return actions, log_densities

    def judge(critics, observations, actions):
        return [critic(seen(observations, actions))[:, 0] for critic in critics]

    after, log_densities = draw(batch.next_observation[task], noise[0])
    worst = tf.minimum(
        *judge(agent.target_critics, batch.next_observation[task], after)
    )
    wanted = 2.0 * batch.reward[task] + _DISCOUNT * (
        1 - batch.terminated[task]
    ) * (worst - alpha * log_densities)
    variables = [
        v for critic in agent.critics for v in critic.trainable_variables
    ]
    with tf.GradientTape() as tape:
        loss = sum(
            tf.reduce_mean((values - wanted) ** 2) / 2
            for values in judge(
                agent.critics,
                batch.observation[task],
                tf.constant(batch.action[task], tf.float32),
            )
        )
    of_critics = tape.gradient(loss, variables)

    def of_actor():
        with tf.GradientTape() as tape:
            actions, log_densities = draw(batch.observation[task], noise[1])
            worst = tf.minimum(
                *judge(agent.critics, batch.observation[task], actions)
            )
            loss = tf.reduce_mean(alpha * log_densities - worst)
        gradients = tape.gradient(loss, agent.actor.trainable_variables)
        return gradients, -tf.reduce_mean(log_densities)

    return of_critics, of_actor


def _reference_update(agent, batch, combine):
    """Makes an update, one task after the other, by hand."""
    batch = replay.Transitions(
        *[np.asarray(part, np.float32) for part in batch]
    )
    noise = tf.random.stateless_normal(
        (2, agent.tasks, _BATCH, _ACTIONS), [4, int(agent.updates)]
    )
    references = [
        _reference_gradients(agent, batch, noise[:, task], task)
        for task in range(agent.tasks)
    ]

    def move(variables, by_task):
        stacked = [tf.stack(parts) for parts in zip(*by_task, strict=True)]
        for variable, gradient in zip(variables, combine(stacked), strict=True):
            variable.assign_sub(_RATE * gradient)

    critics = [v for c in agent.critics for v in c.trainable_variables]
    move(critics, [of_critics for of_critics, _ in references])
    of_actors, entropies = zip(
        *(of_actor() for _, of_actor in references), strict=True
    )
    move(agent.actor.trainable_variables, of_actors)
    agent.log_temperatures.assign_sub(
        _RATE * (tf.stack(entropies) + float(_ACTIONS))
    )
    targets = [v for c in agent.target_critics for v in c.trainable_variables]
    for target, critic in zip(targets, critics, strict=True):
        target.assign((1 - _TARGET_RATE) * target + _TARGET_RATE * critic)
    agent.updates.assign_add(1)


def _mean(stacked):
    return [tf.reduce_mean(gradients, 0) for gradients in stacked]


class UpdateTest(parameterized.TestCase):
    def assert_same(self, one, other):
        for ours, theirs, variable in zip(
            _values(one), _values(other), _variables(one), strict=True
        ):
            np.testing.assert_allclose(
                ours, theirs, rtol=2e-4, atol=2e-6, err_msg=variable.path
            )

    @parameterized.parameters(1, 3)
    def test_it_is_the_update_by_hand(self, tasks):
        agent, reference = _agent(tasks), _agent(tasks)
        for seed in range(2):
            batch = replay.Transitions(
                *[part[0] for part in _batches(tasks, seed=seed)]
            )
            agent.update(batch)
            _reference_update(reference, batch, _mean)
            self.assert_same(agent, reference)

    def test_surgery_is_on_one_gradient_for_each_task(self):
        tasks = 3

        def pcgrad():
            return optimizers.PCGrad(_sgd(), reduction="mean", seed=1)

        surgeons = iter((pcgrad(), pcgrad()))

        def combine(stacked):
            # As much of the optimizer as makes a gradient.
            holders = [keras.Variable(tf.zeros_like(g[0])) for g in stacked]
            next(surgeons).apply_task_gradients(stacked, holders)
            return [-holder / _RATE for holder in holders]

        agent, reference = _agent(tasks, pcgrad), _agent(tasks)
        batch = replay.Transitions(*[part[0] for part in _batches(tasks)])
        agent.update(batch)
        _reference_update(reference, batch, combine)
        self.assert_same(agent, reference)

    def test_a_mean_of_task_gradients_is_the_usual_update(self):
        def scalarization():
            return optimizers.LinearScalarization(_sgd(), reduction="mean")

        one, other = _agent(3), _agent(3, scalarization)
        for agent in (one, other):
            agent.update(_batches(3))
        self.assert_same(one, other)

    def test_updates_in_one_call_are_those_of_several(self):
        batches = _batches(2, updates=3)
        one, other = _agent(2), _agent(2)
        report = one.update(batches)
        reports = [
            other.update(replay.Transitions(*[part[n] for part in batches]))
            for n in range(3)
        ]
        self.assert_same(one, other)
        self.assertEqual(int(one.updates), 3)
        for name, values in report.items():
            np.testing.assert_allclose(
                values, np.mean([r[name] for r in reports], 0), rtol=1e-5
            )

    def test_xla_makes_the_same_update(self):
        noise = tf.random.stateless_normal((2, 2, _BATCH, _ACTIONS), [0, 1])
        # XLA has other random numbers.
        self.enter_context(
            mock.patch.object(
                tf.random, "stateless_normal", lambda shape, seed: noise
            )
        )
        one, other = _agent(2), _agent(2)
        other.compile(_sgd(), _sgd(), _sgd(), jit_compile=True)
        for agent in (one, other):
            agent.update(_batches(2))
        self.assert_same(one, other)


class SharingTest(parameterized.TestCase):
    def test_layers_are_counted_from_the_end_as_well(self):
        shapes = [
            [v.shape for v in _agent(2, per_task_from=layer).variables]
            for layer in (0, -2)
        ]
        self.assertEqual(*shapes)

    @parameterized.parameters(False, True)
    def test_from_the_first_layer_on_they_are_agents_of_their_own(
        self, surgery
    ):
        noise = tf.random.stateless_normal((2, 2, _BATCH, _ACTIONS), [0, 1])
        taken: list = [slice(None)]
        self.enter_context(
            mock.patch.object(
                tf.random,
                "stateless_normal",
                lambda shape, seed: noise[:, taken[0]],
            )
        )
        batches = _batches(2)

        def pcgrad():
            return optimizers.PCGrad(_sgd())

        together = _agent(2, pcgrad if surgery else _sgd, per_task_from=0)
        # Without surgery it is the mean of the tasks' losses.
        rate = _RATE if surgery else _RATE / 2

        def of_task(task):
            networks = [
                together.actor,
                *together.critics,
                *together.target_critics,
            ]
            return [v.numpy()[task] for n in networks for v in n.weights]

        alone = []
        for task in range(2):
            agent = _agent(1, lambda: keras.optimizers.SGD(rate))
            networks = [agent.actor, *agent.critics, *agent.target_critics]
            variables = [v for n in networks for v in n.weights]
            for variable, value in zip(variables, of_task(task), strict=True):
                variable.assign(value)
            taken[0] = slice(task, task + 1)
            agent.update(
                replay.Transitions(*[p[:, task : task + 1] for p in batches])
            )
            alone.append([v.numpy() for v in variables])
        taken[0] = slice(None)
        together.update(batches)
        for task in range(2):
            for ours, theirs in zip(of_task(task), alone[task], strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)

    def test_heads_of_their_own_start_apart_and_act_apart(self):
        agent = _agent(3, per_task_from=-1)
        kernel = agent.actor.layers[-1].kernel.numpy()
        self.assertTrue((kernel[0] != kernel[1]).all())
        self.assertEqual(agent.actor.layers[0].kernel.shape, (6, 6))
        seen = np.random.default_rng(0).normal(size=(3, _OBSERVATIONS))
        inputs = np.concatenate([seen, np.eye(3)], 1)[np.newaxis]
        np.testing.assert_allclose(
            agent.act(seen),
            np.tanh(agent.actor(inputs)[0, :, :_ACTIONS]),
            rtol=1e-5,
            atol=1e-6,
        )

    def test_no_such_layer(self):
        with self.assertRaisesRegex(
            errors.InputError, "per_task_from=2: expected .* -2 to 1, or None"
        ):
            _agent(2, per_task_from=2)

    def test_rewards_are_normalized_task_by_task(self):
        agent, reference = _agent(2, normalize_rewards=True), _agent(2)
        rewards = np.array([0.5, -4.0])
        agent._reward_normalizer.add(rewards)
        batches = _batches(2)
        agent.update(batches)
        reference.update(
            batches._replace(
                reward=batches.reward / np.abs(rewards)[:, np.newaxis]
            )
        )
        for ours, theirs in zip(
            _values(agent), _values(reference), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


class _Reach:
    """One step: the action should be the goal, which is not shown."""

    observation_size, action_size, horizon = 1, 1, 1
    goals = np.zeros((1, 0))

    def __init__(self, goal, name="reach"):
        self.name = name
        self._goal = goal

    def reset(self, *, seed=None, options=None):
        return np.zeros(1), {}

    def step(self, action):
        distance = float(abs(action[0] - self._goal))
        return np.zeros(1), -distance, True, False, {"success": distance < 0.2}


def _small(tasks=1, **given):
    keras.utils.set_random_seed(1)
    agent = sac.SAC(
        1, 1, tasks, **{"hidden": (16,), "target_entropy": -3.0} | given
    )
    adam = [keras.optimizers.Adam(1e-2) for _ in range(3)]
    agent.compile(*adam, jit_compile=False)
    return agent


class _Spoiled(_Reach):
    """The third step gives what it is made with."""

    def __init__(self, observation, reward):
        super().__init__(0.5, "spoiled")
        self._given: tuple = np.array([observation]), reward, False, False, {}
        self._steps = 0

    def step(self, action):
        self._steps += 1
        if self._steps < 3:
            return np.zeros(1), 0.0, False, False, {}
        return self._given


def _dense(inputs, outputs, activation="tanh", **given):
    layer = keras.layers.Dense(4, activation=activation, **given)
    return keras.Sequential(
        [keras.Input((inputs,)), layer, keras.layers.Dense(outputs)]
    )


class NetworksTest(parameterized.TestCase):
    def test_networks_of_a_user(self):
        actor, critics = _dense(1, 2), [_dense(2, 1), _dense(2, 1, "elu")]
        agent = _small(actor=actor, critics=critics)
        self.assertIs(agent.actor, actor)
        for target, critic in zip(agent.target_critics, critics, strict=True):
            for ours, theirs in zip(
                target.get_weights(), critic.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)
        before = [network.get_weights() for network in (actor, *critics)]
        agent.fit([_Reach(0.5)], steps=10, batch_size=8, warm_up=8, verbose=0)
        self.assertEqual(int(agent.updates), 3)
        for network, old in zip((actor, *critics), before, strict=True):
            # The hidden bias, for what is seen is always 0.
            self.assertTrue((network.get_weights()[1] != old[1]).any())

    def test_the_actor_acts_by_its_weights_whoever_set_them(self):
        agent = _small()
        before, snapshot = agent.act(np.ones((1, 1))), agent.snapshot()
        agent.actor.set_weights([w + 1 for w in agent.actor.get_weights()])
        expected = np.tanh(agent.actor(np.ones((1, 1)))[:, :1])
        np.testing.assert_allclose(
            agent.act(np.ones((1, 1))), expected, rtol=1e-5
        )
        np.testing.assert_array_equal(snapshot(np.ones((1, 1))), before)

    @parameterized.named_parameters(
        (
            "outputs",
            lambda: {"actor": _dense(1, 3)},
            r"actor: .* takes \(None, 1\) to \(None, 3\), expected .*None, 2",
        ),
        (
            "inputs",
            lambda: {"critics": [_dense(1, 1), _dense(2, 1)]},
            r"critics: .*\(None, 1\) to \(None, 1\), expected \(None, 2",
        ),
        (
            "one_critic",
            lambda: {"critics": [_dense(2, 1)] * 2},
            "critics: expected two networks, got 1",
        ),
        (
            "layers",
            lambda: {
                "actor": keras.Sequential(
                    [keras.Input((1,)), keras.layers.LayerNormalization()]
                )
            },
            "a LayerNormalization: expected a chain of Dense",
        ),
        ("activation", lambda: {"actor": _dense(1, 2, "gelu")}, "'gelu' of"),
        (
            "frozen",
            lambda: {"actor": _dense(1, 2, trainable=False)},
            "actor: .* has layers that are not trainable",
        ),
        (
            "no_network",
            lambda: {"actor": keras.layers.Dense(2)},
            "actor: expected a built Keras model",
        ),
    )
    def test_other_networks(self, given, message):
        with self.assertRaisesRegex(errors.InputError, message):
            sac.SAC(1, 1, **given())


class FitTest(parameterized.TestCase):
    def test_one_network_learns_several_tasks(self):
        goals = (0.6, -0.6)
        agent = _small(2)
        episodes = agent.fit(
            [_Reach(goal) for goal in goals],
            steps=400,
            batch_size=32,
            warm_up=64,
            updates_per_call=4,
            verbose=0,
        )
        self.assertLen(episodes, 800)
        np.testing.assert_allclose(
            agent.act(np.zeros((2, 1)))[:, 0], goals, atol=0.2
        )
        scores = collecting.play(
            [_Reach(goal) for goal in goals], agent.act, episodes=2, seed=5
        )
        self.assertEqual([s.task for s in scores], [0, 0, 1, 1])
        self.assertTrue(all(score.success for score in scores))

    def test_conflicts_are_seen(self):
        agent = _small(2)
        actor, critic = (
            optimizers.PCGrad(keras.optimizers.Adam(1e-2)) for _ in range(2)
        )
        agent.compile(actor, critic, jit_compile=False)
        history = keras.callbacks.History()
        agent.fit(
            [_Reach(0.6), _Reach(-0.6)],
            steps=40,
            batch_size=8,
            warm_up=10,
            steps_per_epoch=20,
            callbacks=[
                training.ConflictMonitor(),
                training.ConflictMonitor(critic, prefix="critic_"),
                history,
            ],
            verbose=0,
        )
        for prefix in ("", "critic_"):
            cosines = history.history[f"{prefix}gradient_cosine"]
            self.assertLen(cosines, 2)
            self.assertTrue(np.all(np.abs(cosines) <= 1))

    def test_a_seed_fixes_all(self):
        def run(seed):
            agent = _small()
            agent.fit(
                [_Reach(0.5)],
                steps=40,
                batch_size=8,
                warm_up=10,
                seed=seed,
                verbose=0,
            )
            return _values(agent)

        one, same, other = run(0), run(0), run(1)
        for ours, theirs in zip(one, same, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        self.assertTrue(
            any((a != b).any() for a, b in zip(one, other, strict=True))
        )

    @parameterized.named_parameters(
        (
            "tasks",
            lambda: _small(2).fit([_Reach(0.5)], steps=10),
            "environments: expected 2, one for each task, got 1",
        ),
        (
            "warm_up",
            lambda: _small().fit([_Reach(0.5)], steps=10, warm_up=3),
            "warm_up=3: expected batch_size=256 or more",
        ),
        (
            "capacity",
            lambda: _small().fit(
                [_Reach(0.5)], steps=10, batch_size=8, warm_up=8, capacity=7
            ),
            "capacity=7: expected batch_size=8 or more",
        ),
        (
            "not_compiled_fit",
            lambda: sac.SAC(1, 1).fit([_Reach(0.5)], steps=10),
            "fit: call compile first",
        ),
        (
            "observation_size",
            lambda: sac.SAC(2, 1).fit([_Reach(0.5)], steps=10),
            r"reach has observations and actions of sizes \(1, 1\), the agent",
        ),
        (
            "observation_shape",
            lambda: sac.SAC(2, 1).act(np.zeros((1, 3))),
            r"observations: of shape \(1, 3\), expected .*\(1, 2\)",
        ),
        (
            "nan_observation",
            lambda: _small().fit(
                [_Spoiled(np.nan, 0.0)], steps=10, batch_size=8, warm_up=8
            ),
            "environment: spoiled gave observation with NaN or infinity at",
        ),
        (
            "nan_reward",
            lambda: _small().fit(
                [_Spoiled(0.0, np.inf)], steps=10, batch_size=8, warm_up=8
            ),
            "environment: spoiled gave reward with NaN or infinity at step 3",
        ),
        (
            "epoch",
            lambda: _small().fit([_Reach(0.5)], steps=10, steps_per_epoch=0),
            "steps_per_epoch=0: expected a positive integer",
        ),
        (
            "infinite_scale",
            lambda: sac.SAC(1, 1, reward_scale=np.inf),
            "reward_scale=inf: expected a positive number",
        ),
        (
            "not_compiled",
            lambda: sac.SAC(1, 1).update(_batches(1)),
            "update: call compile first",
        ),
        (
            "batch",
            lambda: _agent(2).update(_batches(3)),
            r"rewards of shape \(1, 3, 5\), expected \[updates, 2 tasks, batch",
        ),
        ("size", lambda: sac.SAC(0, 1), "observation_size=0: expected a pos"),
        ("share", lambda: sac.SAC(1, 1, discount=2.0), "discount=2.0: expect"),
        (
            "scale",
            lambda: sac.SAC(1, 1, reward_scale=0.0),
            "reward_scale=0.0: expected a positive number",
        ),
    )
    def test_mistake(self, call, message):
        with self.assertRaisesRegex(errors.InputError, message):
            call()


class CollectorTest(absltest.TestCase):
    def test_environments_of_other_sizes(self):
        other = _Reach(0.1, "other")
        other.action_size = 2
        with self.assertRaisesRegex(
            errors.InputError, "action_size of other is 2, that of reach 1"
        ):
            collecting.Collector([_Reach(0.1), other], 0)
        with self.assertRaisesRegex(errors.InputError, "one or more"):
            collecting.Collector([], 0)


if __name__ == "__main__":
    absltest.main()

"""PEARL: what is known of a task in closed form, and updates that follow."""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.rl import resumed_runs
from tfmeta import errors, optimizers
from tfmeta.environments import point_robot
from tfmeta.rl import adapting, latent_tasks, sac_steps
from tfmeta.rl.agents import pearl

_FIT = {
    "episodes": 2,
    "updates": 4,
    "updates_per_call": 2,
    "meta_batch_size": 3,
    "batch_size": 8,
    "context_size": 6,
    "verbose": 0,
}


def _robots(count=2, horizon=5):
    return [
        point_robot.PointRobot(
            "dense",
            point_robot.sample_goals("dense", 2, seed=seed),
            horizon=horizon,
        )
        for seed in range(count)
    ]


def _agent(optimizer=None, **given):
    keras.utils.set_random_seed(0)
    agent = pearl.PEARL(2, 2, **{"latent_size": 3, "hidden": (8,)} | given)
    agent.compile(critic_optimizer=optimizer, jit_compile=False)
    return agent


def _softplus(values):
    return np.log1p(np.exp(values))


class LatentTasksTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.rng = np.random.default_rng(0)
        self.factors = self.rng.normal(size=(2, 5, 6)).astype(np.float32)

    def test_the_product_is_that_of_densities(self):
        known = latent_tasks.posterior(self.factors[0], tf.ones(5))
        means, raw = np.split(self.factors[0].astype(float), 2, -1)
        grid = np.linspace(-8, 8, 4001)
        for part in range(3):
            log_density = -(grid**2) / 2
            for row in range(5):
                variance = _softplus(raw[row, part]) + 1e-4
                log_density -= (grid - means[row, part]) ** 2 / (2 * variance)
            density = np.exp(log_density - log_density.max())
            density /= density.sum()
            mean = grid @ density
            self.assertAlmostEqual(float(known.mean()[part]), mean, places=4)
            self.assertAlmostEqual(
                float(known.variance()[part]),
                (grid - mean) ** 2 @ density,
                places=4,
            )

    def test_the_divergence_in_closed_form(self):
        known = latent_tasks.posterior(self.factors, tf.ones((2, 5)))
        mean, variance = known.mean().numpy(), known.variance().numpy()
        expected = 0.5 * (variance + mean**2 - 1 - np.log(variance)).sum(-1)
        np.testing.assert_allclose(
            latent_tasks.divergence(known), expected, rtol=1e-5
        )

    def test_no_rows_say_what_the_prior_does(self):
        for factors, present in (
            (np.zeros((0, 6), np.float32), tf.zeros(0)),
            (self.factors[0], tf.zeros(5)),
        ):
            known = latent_tasks.posterior(factors, present)
            np.testing.assert_array_equal(known.mean(), np.zeros(3))
            np.testing.assert_array_equal(known.stddev(), np.ones(3))
            self.assertEqual(float(latent_tasks.divergence(known)), 0)

    def test_order_and_rows_that_fill_up_do_not_matter(self):
        present = np.array([1, 0, 1, 1, 0], np.float32)
        known = latent_tasks.posterior(self.factors[0], present)
        order = np.array([3, 0, 2])
        other = latent_tasks.posterior(self.factors[0][order], tf.ones(3))
        np.testing.assert_allclose(known.mean(), other.mean(), rtol=1e-5)
        np.testing.assert_allclose(known.stddev(), other.stddev(), rtol=1e-5)


class PEARLTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def test_before_a_trial_it_knows_the_prior_and_after_it_more(self):
        agent = _agent()
        robots = _robots()
        known = agent.known(None, 2)
        np.testing.assert_array_equal(known.mean(), np.zeros((2, 3)))
        trial = adapting.play_trial(agent, robots, episodes=2, seed=0)
        after = agent.known(trial, 2)
        self.assertLess(float(tf.reduce_max(after.stddev())), 1)
        with self.subTest("the order of its steps does not matter"):
            order = np.random.default_rng(0).permutation(10)
            other = trial._replace(
                transitions=type(trial.transitions)(
                    *(part[:, order] for part in trial.transitions)
                )
            )
            np.testing.assert_allclose(
                agent.known(other, 2).mean(), after.mean(), atol=1e-5
            )

    def test_only_critics_and_encoder_learn_by_the_critics_loss(self):
        # Of an actor whose rate is 0 nothing changes but what is the critics'.
        keras.utils.set_random_seed(0)
        agent = pearl.PEARL(2, 2, latent_size=3, hidden=(8,))
        agent.compile(keras.optimizers.SGD(0.0), jit_compile=False)
        networks = {
            "actor": agent.actor,
            "encoder": agent.encoder,
            "critic": agent.critics[0],
        }
        before = {name: n.get_weights() for name, n in networks.items()}
        agent.fit(_robots(), iterations=1, **_FIT)
        for name, network in networks.items():
            changed = max(
                np.abs(now - then).max()
                for now, then in zip(
                    network.get_weights(), before[name], strict=True
                )
            )
            self.assertEqual(changed > 0, name != "actor", name)

    def test_the_price_makes_it_tell_nothing(self):
        cheap, dear = (_agent(divergence_weight=w) for w in (0.0, 1e3))
        for agent in (cheap, dear):
            agent.compile(
                critic_optimizer=keras.optimizers.Adam(1e-2), jit_compile=False
            )
            agent.fit(_robots(), iterations=1, **_FIT | {"updates": 200})
        trial = adapting.play_trial(cheap, _robots(), episodes=2, seed=0)
        told = [
            float(
                tf.reduce_mean(latent_tasks.divergence(agent.known(trial, 2)))
            )
            for agent in (cheap, dear)
        ]
        self.assertLess(told[1], 0.2 * told[0])

    def test_surgery_on_tasks_that_agree_is_their_mean(self):
        # One task, three times: its gradients are no conflict, and the sum of
        # three equal ones is what surgery gives, three times the mean.
        def train(optimizer):
            agent = _agent(optimizer)
            agent.fit(
                [point_robot.PointRobot("dense", [[0.5, 0.5]], horizon=5)],
                iterations=1,
                **_FIT | {"meta_batch_size": 1, "updates": 2},
            )
            return [
                v.numpy() for v in sac_steps.variables(agent._networks.judging)
            ]

        plain = train(keras.optimizers.SGD(0.01))
        with_surgery = train(optimizers.PCGrad(keras.optimizers.SGD(0.01)))
        for one, other in zip(plain, with_surgery, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    def test_surgery_has_a_gradient_of_each_task(self):
        agent = _agent(optimizers.PCGrad(keras.optimizers.Adam(1e-3)))
        (report,) = agent.fit(_robots(), iterations=1, **_FIT)
        self.assertTrue(np.isfinite(list(report.values())).all())

    def test_a_stopped_run_ends_as_one_that_was_not(self):
        def train(folder, iterations, **given):
            agent = _agent(**given)
            reports = agent.fit(
                _robots(), iterations=iterations, checkpoints=folder, **_FIT
            )
            return resumed_runs.without_seconds(reports), [
                v.numpy() for v in agent.variables
            ]

        whole, weights = train(None, 3)
        train(self.folder, 2)
        reports, others = train(self.folder, 3)
        self.assertEqual(whole, reports)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_array_equal(one, other)
        with self.assertRaisesRegex(
            errors.InputError, "with latent_size=3, not 4: give another"
        ):
            train(self.folder, 3, latent_size=4)

    def test_weights_go_through_a_file(self):
        agent, other = _agent(), _agent()
        agent.fit(_robots(), iterations=1, **_FIT)
        agent.save_weights(self.folder / "weights")
        other.load_weights(self.folder / "weights")
        seen = np.ones((2, 2))
        np.testing.assert_array_equal(
            other.adapt(None, 2).act(seen), agent.adapt(None, 2).act(seen)
        )
        with self.assertRaisesRegex(errors.InputError, "weights .* expected"):
            _agent(latent_size=4).load_weights(self.folder / "weights")

    def test_bad_input(self):
        with self.assertRaisesRegex(errors.InputError, "latent_size=0"):
            pearl.PEARL(2, 2, latent_size=0)
        with self.assertRaisesRegex(errors.InputError, "call compile first"):
            pearl.PEARL(2, 2).adapt(None, 1)
        agent = _agent()
        with self.assertRaisesRegex(
            errors.InputError, "updates=4: expected a multiple of updates_per"
        ):
            agent.fit(_robots(), iterations=1, **_FIT | {"updates_per_call": 3})
        trial = adapting.play_trial(agent, _robots(), episodes=1, seed=0)
        without = trial._replace(
            transitions=type(trial.transitions)(
                *(part[:, :0] for part in trial.transitions)
            )
        )
        with self.assertRaisesRegex(errors.InputError, "trial: of 0 steps"):
            agent.adapt(without, 2)
        with self.assertRaisesRegex(errors.InputError, "the agent \\(3, 2\\)"):
            other = pearl.PEARL(3, 2)
            other.compile()
            other.fit(_robots(), iterations=1)
        with self.assertRaisesRegex(
            errors.InputError, "observations: of shape"
        ):
            agent.adapt(trial, 2).act(np.zeros((2, 3)))


if __name__ == "__main__":
    absltest.main()

"""What belongs to no task: the posteriors' divergence, and the loss scale."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import layers, learners
from tfmeta.functional import functional_network
from tfmeta.optimizers import pcgrad

_TASKS, _FEATURES, _WAYS, _BETA, _SIGMA = 4, 5, 3, 0.5, 0.3


def _episodes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, _TASKS, 6, _FEATURES)).astype(np.float32)
    y = rng.integers(_WAYS, size=(_TASKS, 6))
    # One label for all queries of a task: what another task unlearns.
    query_y = np.tile(np.arange(_TASKS)[:, np.newaxis] % _WAYS, (1, 6))
    return tuple(map(tf.constant, (x[0], y, x[1], query_y)))


def _learner(optimizer="sgd", **kwargs):
    keras.utils.set_random_seed(0)
    encoder = layers.DenseReparameterization(
        7,
        kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=_SIGMA),
        kernel_divergence_fn=layers.KLDivergence(weight=_BETA),
        bias_posterior_fn=None,
    )
    kwargs.setdefault("adapted", "head")
    learner = learners.MAML(
        keras.Sequential(
            [
                keras.Input((_FEATURES,)),
                encoder,
                keras.layers.Activation("tanh"),
                keras.layers.Dense(_WAYS, name="head"),
            ]
        ),
        **kwargs,
    )
    learner.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return learner


def _flatten(variables):
    return np.concatenate([np.ravel(variable) for variable in variables])


def _named(learner, gradients):
    return {
        variable.name: np.asarray(gradient)
        for variable, gradient in zip(
            learner.trainable_variables, gradients, strict=True
        )
        if gradient is not None
    }


class CommonGradientsTest(parameterized.TestCase):
    def test_closed_form_of_the_divergence(self):
        learner = _learner()
        common = learner.common_gradients()
        gradients = _named(learner, common.gradients)
        loc = learner.trainable_variables[0].numpy()
        np.testing.assert_allclose(
            common.loss,
            _BETA * np.sum((loc**2 + _SIGMA**2 - 1) / 2 - np.log(_SIGMA)),
            rtol=1e-5,
        )
        self.assertLen(gradients, 2)
        np.testing.assert_allclose(
            gradients["kernel_posterior_loc"], _BETA * loc, rtol=1e-5
        )
        # Sigma is the softplus of its variable.
        slope = 1 - np.exp(-_SIGMA)
        np.testing.assert_allclose(
            gradients["kernel_posterior_untransformed_scale"],
            np.full_like(loc, _BETA * (_SIGMA - 1 / _SIGMA) * slope),
            rtol=1e-4,
        )

    @parameterized.parameters(*functional_network.POSTERIOR_DRAWS)
    def test_a_posterior_that_tasks_adapt_is_their_own(self, draw):
        learner = _learner(
            adapted="*", posterior_draw=draw, inner_learning_rate=0.5
        )
        common = learner.common_gradients()
        self.assertEqual(common.loss, 0.0)
        self.assertEqual(common.gradients, [None] * 4)
        still = _learner(
            adapted="*", posterior_draw=draw, inner_learning_rate=1e-12
        )
        start, moved = (
            each.task_gradients(_episodes()) for each in (still, learner)
        )
        # At the start all tasks have one and the same divergence.
        divergences = start.outputs.regularization
        np.testing.assert_allclose(divergences, [divergences[0]] * _TASKS)
        self.assertGreater(np.ptp(moved.outputs.regularization), 1e-3)
        np.testing.assert_allclose(
            moved.losses,
            moved.outputs.query_loss + moved.outputs.regularization,
            rtol=1e-6,
        )

    @parameterized.parameters(*functional_network.POSTERIOR_DRAWS)
    def test_a_step_is_the_mean_of_the_tasks_and_what_is_common(self, draw):
        expected, stepping = (
            _learner(keras.optimizers.SGD(1.0), posterior_draw=draw)
            for _ in range(2)
        )
        episodes = _episodes()
        tasks = expected.task_gradients(episodes).gradients
        common = expected.common_gradients().gradients
        before = [variable.numpy() for variable in stepping.trainable_variables]
        logs = stepping.train_step(episodes)
        for start, variable, of_tasks, of_none in zip(
            before, stepping.trainable_variables, tasks, common, strict=True
        ):
            gradient = np.mean(of_tasks, 0) + (
                0 if of_none is None else of_none
            )
            np.testing.assert_allclose(
                start - variable.numpy(), gradient, rtol=1e-4, atol=1e-5
            )
        self.assertGreater(float(logs["regularization"]), _BETA)

    @parameterized.parameters(("meta_batch", True), ("task", False))
    def test_tasks_share_a_draw(self, draw, is_shared):
        """theta = mu + sigma eps: the quotient of two gradients tells eps."""
        learner = _learner(posterior_draw=draw, mapping="map")
        gradients = _named(learner, learner.task_gradients(_episodes())[0])
        noise = (
            gradients["kernel_posterior_untransformed_scale"]
            / gradients["kernel_posterior_loc"]
        )
        same = np.allclose(noise, noise[:1], rtol=1e-2, atol=1e-3)
        self.assertEqual(same, is_shared)

    def test_surgery_does_not_see_it(self):
        plain = _learner()
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0), reduction="mean")
        learner = _learner(optimizer)
        episodes = _episodes()
        tasks = plain.task_gradients(episodes).gradients
        common = plain.common_gradients().gradients
        alone = pcgrad.PCGrad(keras.optimizers.SGD(1.0), reduction="mean")
        alone.apply_task_gradients(tasks, plain.trainable_variables)
        learner.train_step(episodes)
        np.testing.assert_allclose(
            _flatten(plain.trainable_variables)
            - _flatten(learner.trainable_variables),
            np.concatenate(
                [
                    np.zeros(variable.shape).ravel()
                    if gradient is None
                    else np.ravel(gradient)
                    for variable, gradient in zip(
                        plain.trainable_variables, common, strict=True
                    )
                ]
            ),
            rtol=1e-3,
            atol=1e-5,
        )

    @parameterized.named_parameters(
        ("one", lambda sgd: sgd), ("surgery", pcgrad.PCGrad)
    )
    def test_a_loss_scale_changes_nothing(self, wrap):
        weights: list[np.ndarray] = []
        for scale in (None, 1024.0):
            learner = _learner(
                wrap(keras.optimizers.SGD(0.1, loss_scale_factor=scale))
            )
            learner.train_step(_episodes())
            weights.append(_flatten(learner.trainable_variables))
        plain, scaled = weights
        np.testing.assert_allclose(scaled, plain, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    absltest.main()

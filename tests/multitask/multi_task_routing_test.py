"""Routing networks in a multi-task model: their policies learn in `fit`."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.layers.sharing import routers
from tfmeta.multitask import multi_task_model
from tfmeta.networks import perceptron, routing, sharing
from tfmeta.optimizers import pcgrad

_TASKS = ("a", "b")


def _model(optimizer, *, learning_rate=0.1, **kwargs):
    """Returns a model whose blocks are right for one task each, and a router.

    Task "a" wants class 0 and task "b" class 1. Block 0 gives the one, block 1
    the other, and the third neither. No gradient is to change that.
    """
    keras.utils.set_random_seed(0)
    router = routers.Router(
        _TASKS, 1, 3, learning_rate=learning_rate, seed=1, name="router"
    )
    trunk = perceptron.mlp(4, 6, hidden=[])
    networks = routing.routing_networks(trunk, router, [2])
    joint = sharing.join_tasks(networks)
    model = multi_task_model.MultiTaskModel(joint.input, joint.output)
    block = model.get_layer("routed1")
    block.kernels.assign(np.zeros(block.kernels.shape))
    block.biases.assign([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **kwargs,
    )
    return model, router


def _data(steps=300, batch_size=4):
    x = np.ones((batch_size, 4), np.float32)
    labels = {
        task: np.full(batch_size, label) for label, task in enumerate(_TASKS)
    }
    return tf.data.Dataset.from_tensors(
        (dict.fromkeys(_TASKS, x), labels)
    ).repeat(steps)


def _sgd(rate):
    return keras.optimizers.SGD(rate)


class RoutingTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("summed", lambda: _sgd(1e-9), {}),
        ("surgery", lambda: pcgrad.PCGrad(_sgd(1e-9)), {}),
        # It draws other decisions for the losses after the step.
        ("famo", lambda: _sgd(1e-9), {"weighting": "famo"}),
        ("loss_weights", lambda: _sgd(1e-9), {"loss_weights": 1e-3}),
    )
    def test_policies_move_to_the_better_block(self, optimizer, kwargs):
        model, router = _model(optimizer(), **kwargs)
        model.fit(_data(), verbose=0)
        policies = router.policies.numpy()[:, 0]
        self.assertGreater(policies[0, 0], 0.8)
        self.assertGreater(policies[1, 1], 0.8)

    def test_a_step_is_one_of_the_policy_learner(self):
        model, router = _model(_sgd(0.5))
        model.fit(_data(1), verbose=0)
        decisions = router.decisions.numpy()[:, 0]
        # Minus the losses of the blocks as they were before the step.
        log_likelihood = np.log([np.e**2, 1, 1]) - np.log(
            [np.e**2 + 1] * 2 + [2]
        )
        expected = np.full((2, 3), 1 / 3)
        for task, block in enumerate(decisions):
            other = 1 - task
            reward = (
                log_likelihood[2]
                if block == 2
                else log_likelihood[0] - 2.0 * (block == other)
            )
            change = 0.1 * reward / 3
            expected[task] -= change / 3
            expected[task, block] += change
        np.testing.assert_allclose(router.policies[:, 0], expected, rtol=1e-5)

    def test_evaluation_teaches_nothing(self):
        model, router = _model("sgd")
        before = router.policies.numpy()
        model.evaluate(_data(3), verbose=0)
        np.testing.assert_array_equal(router.policies, before)


if __name__ == "__main__":
    absltest.main()

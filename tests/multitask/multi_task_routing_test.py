"""Routing networks in a multi-task model: their policies learn in `fit`."""

import functools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.layers.sharing import routers
from tfmeta.multitask import multi_task_model
from tfmeta.networks import perceptron, routing, sharing
from tfmeta.optimizers import pcgrad

_TASKS = ("a", "b")


def _model(optimizer, *, learning_rate=0.1, decides_for="task", **kwargs):
    """Returns a model whose blocks are right for one task each, and a router.

    Task "a" wants class 0 and task "b" class 1. Block 0 gives the one, block 1
    the other, and the third neither. No gradient is to change that.
    """
    keras.utils.set_random_seed(0)
    router = routers.Router(
        _TASKS,
        1,
        3,
        learning_rate=learning_rate,
        decides_for=decides_for,
        seed=1,
        name="router",
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
        ("by_example", lambda: _sgd(1e-9), {"decides_for": "example"}),
        (
            "by_example_surgery_in_parts",
            lambda: pcgrad.PCGrad(_sgd(1e-9)),
            {"decides_for": "example", "gradient_parts": 2},
        ),
        (
            "by_example_xla",
            lambda: _sgd(1e-9),
            {"decides_for": "example", "jit_compile": True},
        ),
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


def _score_on_conflicts(steps, paths=None, tasks=4, depth=2, **kwargs):
    """Trains on tasks that fight, and returns the accuracy on new examples.

    They have the same inputs, and labels that each permutes in its own way.

    Args:
        steps: of training.
        paths: the block of each task, at all depths, where none are to be
            learned.
        tasks: their number, that of the blocks, too.
        depth: of the routing.
        **kwargs: of the router.
    """
    classes, features = 5, 16
    keras.utils.set_random_seed(0)
    names = [f"task{number}" for number in range(tasks)]
    if paths is not None:
        kwargs["learning_rate"] = 1e-9
    router = routers.Router(
        names, depth, tasks, seed=0, name="router", **kwargs
    )
    trunk = keras.Sequential(
        [keras.Input((features,)), keras.layers.Identity()], name="trunk"
    )
    joint = sharing.join_tasks(
        routing.routing_networks(trunk, router, [*[16] * (depth - 1), classes])
    )
    if paths is not None:
        policy = np.eye(tasks)[paths][:, None]
        router.policies.assign(np.repeat(policy, depth, 1))
    model = multi_task_model.MultiTaskModel(joint.input, joint.output)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(features, classes))
    permuted = {name: rng.permutation(classes) for name in names}

    def draw(size):
        x = {
            name: rng.normal(size=(size, features)).astype(np.float32)
            for name in names
        }
        return x, {
            name: permuted[name][np.argmax(x[name] @ directions, -1)]
            for name in names
        }

    batches = tf.data.Dataset.from_tensor_slices(draw(3200)).batch(16)
    model.fit(batches.repeat(), steps_per_epoch=steps, verbose=0)
    x, y = draw(500)
    predicted = model.predict(x, batch_size=500, verbose=0)
    return np.mean(
        [np.argmax(predicted[name], -1) == y[name] for name in names]
    )


@functools.cache
def _oracle():
    return _score_on_conflicts(500, paths=np.arange(4))


class ConflictTest(parameterized.TestCase):
    @parameterized.parameters(*routers.DECIDES_FOR)
    def test_routing_reaches_its_oracle(self, decides_for):
        score = _score_on_conflicts(500, decides_for=decides_for)
        self.assertGreater(score, _oracle() - 0.06)

    def test_without_routing_the_tasks_fight(self):
        self.assertGreater(_oracle(), 0.88)
        self.assertLess(_score_on_conflicts(200, paths=np.zeros(4, int)), 0.45)


if __name__ == "__main__":
    absltest.main()

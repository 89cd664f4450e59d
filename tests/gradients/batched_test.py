"""One batch of tasks: each gradient is that of its task alone."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import optimizers
from tfmeta.gradients import batched
from tfmeta.optimizers import descent

_TASKS = 3


def _data():
    rng = np.random.default_rng(0)
    return (
        tf.constant(rng.normal(size=(_TASKS, 5, 4)), tf.float32),
        tf.constant(rng.normal(size=(_TASKS, 5, 2)), tf.float32),
    )


def _variables():
    rng = np.random.default_rng(1)
    return [
        keras.Variable(rng.normal(size=shape), dtype="float32", name=name)
        for name, shape in (("kernel", (4, 3)), ("bias", (3,)), ("out", (3, 2)))
    ]


def _losses(weights):
    x, y = _data()
    kernel, bias, out = weights
    if len(bias.shape) == 2:
        bias = bias[:, tf.newaxis]
    predictions = tf.tanh(x @ kernel + bias) @ out
    return tf.reduce_mean((predictions - y) ** 2, (1, 2)), predictions


def _alone(variables, factors):
    """Returns the losses and gradients of each task by itself."""
    losses, gradients = [], []
    for task in range(_TASKS):
        weights = [tf.convert_to_tensor(v) for v in variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = _losses(weights)[0][task]
        losses.append(loss)
        gradients.append(tape.gradient(loss, weights, factors[task]))
    return tf.stack(losses), [
        tf.stack(of_one) for of_one in zip(*gradients, strict=True)
    ]


def _assert_close(ours, theirs):
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6),
        list(ours),
        list(theirs),
    )


class BatchedPassTest(parameterized.TestCase):
    @parameterized.product(by_task=(True, False), how=("eager", "graph", "xla"))
    def test_it_is_each_task_alone(self, by_task, how):
        variables = _variables()
        factors = tf.constant([1.0, 0.5, -2.0])
        losses, expected = _alone(variables, factors)

        def run():
            tasks = batched.BatchedPass(
                _losses, variables, _TASKS, by_task=by_task
            )
            self.assertEqual(tasks.outputs.shape, (_TASKS, 5, 2))
            return {
                "losses": tasks.losses,
                "tasks": [
                    g
                    for g, _ in tasks.differentiate_tasks(factors, None).shared
                ],
                "part": tasks.differentiate_part(factors, variables[1:]),
                "sum": tasks.differentiate_sum(factors, variables),
                "total": [
                    g for g, _ in tasks.differentiate_total(factors, None)
                ],
                "repeat": tasks.repeat(),
            }

        if how != "eager":
            run = tf.function(run, jit_compile=how == "xla")
        found = run()
        _assert_close([found["losses"], found["repeat"]], [losses, losses])
        _assert_close(found["tasks"], expected)
        _assert_close(found["part"], expected[1:])
        sums = [tf.reduce_sum(gradient, 0) for gradient in expected]
        _assert_close(found["sum"], sums)
        _assert_close(found["total"], [total / _TASKS for total in sums])

    def test_a_usual_optimizer_makes_the_mean_step(self):
        variables = _variables()
        _, expected = _alone(variables, tf.ones(_TASKS))
        before = [v.numpy() for v in variables]
        made = descent.Descent(keras.optimizers.SGD(0.1))
        descent.descend(
            batched.BatchedPass(
                _losses,
                variables,
                _TASKS,
                by_task=made.makes_task_gradients,
            ),
            made,
        )
        _assert_close(
            [v.numpy() for v in variables],
            [
                old - 0.1 * tf.reduce_mean(gradient, 0)
                for old, gradient in zip(before, expected, strict=True)
            ],
        )

    @parameterized.parameters(1, 2)
    def test_surgery_is_on_the_gradients_of_tasks(self, parts):
        ours, theirs = _variables(), _variables()
        _, gradients = _alone(theirs, tf.ones(_TASKS))
        optimizer, expected = (
            optimizers.PCGrad(
                keras.optimizers.SGD(0.1), reduction="mean", seed=3
            )
            for _ in range(2)
        )
        expected.apply_task_gradients(gradients, theirs)
        optimizer.build(ours)
        made = descent.Descent(optimizer, gradient_parts=parts)
        descent.descend(
            batched.BatchedPass(_losses, ours, _TASKS, by_task=parts == 1), made
        )
        _assert_close([v.numpy() for v in ours], [v.numpy() for v in theirs])

    @parameterized.parameters(True, False)
    def test_what_tasks_have_for_themselves_is_out_of_the_surgery(
        self, by_task
    ):
        shared = _variables()
        factors = tf.constant([1.0, 0.5, -2.0])
        _, expected = _alone(shared, factors)
        own = keras.Variable(
            tf.broadcast_to(shared[2].value, (_TASKS, *shared[2].shape))
        )
        variables = [*shared[:2], own]
        tasks = batched.BatchedPass(
            _losses, variables, _TASKS, by_task=by_task, own=[own]
        )
        for found in (
            tasks.differentiate_tasks(factors, None),
            tasks.differentiate_unshared(factors, None),
        ):
            self.assertEqual([v for _, v in found.shared], shared[:2])
            ((gradient, variable),) = found.own
            self.assertIs(variable, own)
            _assert_close([gradient], [expected[2]])
        _assert_close(
            [g for g, _ in tasks.differentiate_tasks(factors, None).shared],
            expected[:2],
        )
        _assert_close(
            [g for g, _ in tasks.differentiate_total(factors, None)],
            [
                *(tf.reduce_mean(g, 0) for g in expected[:2]),
                expected[2] / _TASKS,
            ],
        )


if __name__ == "__main__":
    absltest.main()

"""The count of operations against those of the graphs that tfmeta builds."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.benchmarks import floor, problems
from tfmeta import learners, networks


def _operations(output):
    """Returns all operations that a graph's outputs need."""
    found, waiting = set(), [tensor.op for tensor in output]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
    return found


_PRODUCTS = ("MatMul", "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")


def _product_flops(operation):
    if operation.type not in _PRODUCTS:
        return 0
    shapes = [tuple(tensor.shape) for tensor in operation.inputs]
    (result, *_) = [tuple(tensor.shape) for tensor in operation.outputs]
    if operation.type == "MatMul":
        inner = shapes[0][0 if operation.get_attr("transpose_a") else 1]
        return 2 * np.prod(result) * inner
    # The window times the channels of the inputs and of the outputs, and the
    # positions that the window takes.
    if operation.type == "Conv2D":
        return 2 * np.prod(shapes[1]) * np.prod(result[:3])
    if operation.type == "Conv2DBackpropInput":
        return 2 * np.prod(shapes[1]) * np.prod(shapes[2][:3])
    return 2 * np.prod(result) * np.prod(shapes[2][:3])


def _counted(network, loss, **kwargs):
    learner = learners.MAML(network, mapping="unroll", **kwargs)
    learner.compile("sgd", loss)
    kind = "conv4" if len(network.input_shape) == 4 else "mlp"
    episodes = [
        tf.constant(array)
        for array in problems.make(kind, tasks=1, dtype="float32").episodes
    ]
    graph = tf.function(
        lambda: learner.task_gradients(episodes).gradients
    ).get_concrete_function()
    return sum(map(_product_flops, _operations(graph.outputs)))


class StepFlopsTest(parameterized.TestCase):
    @parameterized.parameters(1, 2, 5)
    def test_mlp(self, inner_steps):
        size, *hidden, output_size = problems.MLP_SIZES
        found = _counted(
            networks.mlp(size, output_size, hidden=hidden),
            "mse",
            inner_steps=inner_steps,
        )
        self.assertEqual(
            found, floor.step_flops("mlp", tasks=1, inner_steps=inner_steps)
        )

    @parameterized.product(inner_steps=(1, 2), head_only=(False, True))
    def test_conv4(self, inner_steps, head_only):
        found = _counted(
            networks.conv4(problems.WAYS),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            inner_steps=inner_steps,
            adapted="head" if head_only else "*",
        )
        self.assertEqual(
            found,
            floor.step_flops(
                "conv4", tasks=1, inner_steps=inner_steps, head_only=head_only
            ),
        )

    def test_tasks_cost_alike(self):
        one, many = (
            floor.step_flops("conv4", tasks=tasks, inner_steps=1)
            for tasks in (1, 16)
        )
        self.assertEqual(many, 16 * one)


if __name__ == "__main__":
    absltest.main()

"""The wrapper: its update, and what it refuses."""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import cases, task_matrices
from tfmeta import errors
from tfmeta.optimizers import (
    aggregators,
    gradvac,
    linear_scalarization,
    pcgrad,
)


class UpdateTest(parameterized.TestCase):
    @parameterized.parameters("eager", "graph", "xla")
    def test_is_the_inner_optimizers_on_the_combined(self, mode):
        matrix, gradients = cases.gradients()
        variables = cases.variables()
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(0.5))
        optimizer.build(variables)

        def step(gradients):
            optimizer.apply_task_gradients(gradients, variables)

        if mode != "eager":
            step = tf.function(step, jit_compile=mode == "xla")
        step(gradients)
        one, other = matrix
        product = one @ other
        self.assertLess(product, 0)
        expected = (1 - product / (one @ one)) * one
        expected += (1 - product / (other @ other)) * other
        np.testing.assert_allclose(
            cases.flatten(variables), -0.5 * expected, rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            optimizer.last_gramian, matrix @ matrix.T, rtol=1e-4
        )
        self.assertEqual(optimizer.iterations.numpy(), 1)

    def test_other_gradients_pass_and_add_up(self):
        matrix, gradients = cases.gradients("agreeing")
        variables = cases.variables()
        head, bias = keras.Variable(np.zeros(3)), keras.Variable(np.zeros(2))
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0), reduction="mean")
        penalty = np.arange(4, dtype=np.float32)
        optimizer.apply_task_gradients(
            gradients,
            variables,
            other_gradients=[tf.ones(3), tf.constant(penalty), None],
            other_variables=[head, variables[1], bias],
        )
        expected = matrix.mean(0) + np.concatenate([np.zeros(6), penalty])
        np.testing.assert_allclose(
            cases.flatten(variables), -expected, rtol=1e-5, atol=1e-6
        )
        np.testing.assert_array_equal(head, -np.ones(3))
        np.testing.assert_array_equal(bias, np.zeros(2))

    def test_sparse_gradients(self):
        shared, own = (keras.Variable(np.zeros((3, 2))) for _ in range(2))
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0))
        sparse = tf.IndexedSlices(
            tf.ones((1, 2)), tf.constant([2]), tf.constant([3, 2])
        )
        optimizer.apply_task_gradients(
            [
                tf.IndexedSlices(
                    tf.ones((1, 3, 2)),
                    tf.constant([1]),
                    tf.constant([2, 3, 2]),
                )
            ],
            [shared],
            other_gradients=[sparse, sparse],
            other_variables=[own, shared],
        )
        np.testing.assert_array_equal(own, [[0, 0], [0, 0], [-1, -1]])
        np.testing.assert_array_equal(shared, [[-1, -1], [-1, -1], [-2, -2]])

    def test_weights_may_be_applied_by_the_caller(self):
        matrix, gradients = cases.gradients(tasks=5)
        results = []
        for by_caller in (False, True):
            variables = cases.variables()
            optimizer = pcgrad.PCGrad(keras.optimizers.Adam(0.1))
            optimizer.build(variables)
            for _ in range(3):
                if not by_caller:
                    optimizer.apply_task_gradients(gradients, variables)
                    continue
                weights = optimizer.weigh(tf.constant(matrix @ matrix.T))
                optimizer.apply_task_gradients(
                    [],
                    [],
                    other_gradients=[
                        tf.tensordot(weights, g, 1) for g in gradients
                    ],
                    other_variables=variables,
                )
            results.append(cases.flatten(variables))
        np.testing.assert_allclose(results[0], results[1], rtol=1e-4)

    @parameterized.parameters(tf.float16, tf.bfloat16)
    def test_half_precision_is_summed_in_single(self, dtype):
        variable = keras.Variable(np.zeros(512), dtype=dtype.name)
        gradient = tf.fill((4, 512), tf.constant(200, dtype))
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0), reduction="mean")
        optimizer.apply_task_gradients([gradient], [variable])
        self.assertEqual(optimizer.last_gramian.dtype, tf.float32)
        # More than float16 holds.
        np.testing.assert_allclose(optimizer.last_gramian, 512 * 200**2)
        np.testing.assert_array_equal(variable, -200)

    def test_double_precision_stays(self):
        matrix = task_matrices.make("conflicting", 3)
        variable = keras.Variable(np.zeros(9), dtype="float64")
        optimizer = linear_scalarization.LinearScalarization(
            keras.optimizers.SGD(1.0)
        )
        optimizer.apply_task_gradients([tf.constant(matrix)], [variable])
        np.testing.assert_allclose(variable, -matrix.sum(0), rtol=1e-13)

    def test_number_of_tasks_may_change_or_be_unknown(self):
        variables = cases.variables()
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0))
        self.assertIsNone(optimizer.last_gramian)
        optimizer.build(variables)
        step = tf.function(
            lambda *g: optimizer.apply_task_gradients(g, variables),
            input_signature=[
                tf.TensorSpec((None, 2, 3)),
                tf.TensorSpec((None, 4)),
            ],
        )
        step(*cases.gradients(tasks=3)[1])
        step(*cases.gradients(tasks=5)[1])
        self.assertEqual(optimizer.last_gramian.numpy().size, 0)
        for tasks in (3, 5):
            optimizer.apply_task_gradients(
                cases.gradients(tasks=tasks)[1], variables
            )
            self.assertEqual(optimizer.num_tasks, 3)
            self.assertEqual(optimizer.last_gramian.numpy().shape, (3, 3))
        optimizer.num_tasks = 5
        optimizer.apply_task_gradients(cases.gradients(tasks=5)[1], variables)
        self.assertEqual(optimizer.last_gramian.numpy().shape, (5, 5))

    def test_orders_are_drawn_anew_at_each_step(self):
        matrix, _ = cases.gradients(tasks=6)
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0))
        optimizer.build(cases.variables())
        gramian = tf.constant(matrix @ matrix.T)
        first, again = optimizer.weigh(gramian), optimizer.weigh(gramian)
        np.testing.assert_array_equal(first, again)
        optimizer.iterations.assign(1)
        self.assertTrue(np.any(optimizer.weigh(gramian) != first))
        other = pcgrad.PCGrad(keras.optimizers.SGD(1.0), seed=1)
        other.build(cases.variables())
        self.assertTrue(np.any(other.weigh(gramian) != first))

    @parameterized.parameters(*aggregators.AGGREGATORS)
    def test_weighs_without_an_inner_optimizer(self, name):
        matrix, _ = cases.gradients(tasks=6)
        gramian = tf.constant(matrix @ matrix.T)
        build = aggregators.AGGREGATORS[name]
        alone = build(None, reduction="mean")
        alone.build([])
        other = build(keras.optimizers.SGD(1.0), reduction="mean")
        other.build(cases.variables())
        for step in range(2):
            other.iterations.assign(step)
            # It counts the steps by itself.
            self.assertEqual(int(alone.iterations), step)
            np.testing.assert_array_equal(
                alone.weigh(gramian), other.weigh(gramian)
            )
        np.testing.assert_array_equal(alone.last_gramian, other.last_gramian)
        self.assertLen(alone.variables, len(other._variables) + 1)

    def test_restores_without_an_inner_optimizer(self):
        matrix, _ = cases.gradients(tasks=6)
        gramian = tf.constant(matrix @ matrix.T)
        first = gradvac.GradVac(None)
        first.build([])
        first.weigh(gramian)
        second = gradvac.GradVac(None, num_tasks=6)
        second.build([])
        for ours, theirs in zip(first.variables, second.variables, strict=True):
            theirs.assign(ours)
        np.testing.assert_array_equal(
            first.weigh(gramian), second.weigh(gramian)
        )


class BadInputTest(parameterized.TestCase):
    @parameterized.product(graph=(False, True), named=(False, True))
    def test_names_the_tasks_that_are_not_finite(self, graph, named):
        variables = cases.variables()
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0))
        optimizer.build(variables)
        _, gradients = cases.gradients(tasks=5)
        gradients[0] = tf.tensor_scatter_nd_update(
            gradients[0], [[3, 0, 0], [1, 1, 2]], [np.nan, np.inf]
        )
        names = ("depth", "edges", "normals", "parts", "masks")

        def step(gradients):
            optimizer.apply_task_gradients(
                gradients, variables, task_names=names if named else None
            )

        error, message = (
            (tf.errors.InvalidArgumentError, "edges parts|1 3")
            if graph
            else (errors.InputError, "edges, parts|1, 3")
        )
        message = message.split("|")[0 if named else 1]
        with self.assertRaisesRegex(
            error, f"got others of the tasks[^0-9a-z]*{message}"
        ):
            (tf.function(step) if graph else step)(gradients)
        self.assertEqual(np.abs(cases.flatten(variables)).max(), 0)

    def test_refuses_a_summed_gradient(self):
        variables = cases.variables()
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(1.0))
        gradients = [tf.zeros(v.shape) for v in variables]
        message = "one summed gradient.*MultiTaskModel.*apply_task_gradients"
        with self.assertRaisesRegex(errors.InputError, message):
            optimizer.apply(gradients, variables)
        with self.assertRaisesRegex(errors.InputError, message):
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        model.compile(optimizer, loss="mse")
        with self.assertRaisesRegex(errors.InputError, message):
            model.fit(cases.data(1), verbose=0)

    @parameterized.parameters(
        (lambda: pcgrad.PCGrad(keras.optimizers.SGD()), "has combined"),
        (
            lambda: keras.optimizers.LossScaleOptimizer(
                pcgrad.PCGrad(keras.optimizers.SGD())
            ),
            "has combined",
        ),
        (
            lambda: keras.optimizers.LossScaleOptimizer(
                keras.optimizers.SGD(gradient_accumulation_steps=4)
            ),
            "gradient_accumulation_steps=4 would sum",
        ),
        (lambda: 0.1, "expected a Keras optimizer or its name, got 0.1"),
    )
    def test_refuses_an_inner_optimizer(self, inner, message):
        with self.assertRaisesRegex(errors.InputError, message):
            pcgrad.PCGrad(inner())

    def test_refuses_a_step_without_an_inner_optimizer(self):
        optimizer = pcgrad.PCGrad(None)
        with self.assertRaisesRegex(errors.InputError, "PCGrad.None. only"):
            optimizer.apply_task_gradients(
                cases.gradients()[1], cases.variables()
            )

    def test_refuses_an_unknown_reduction(self):
        with self.assertRaisesRegex(errors.InputError, "'max'.*sum, mean"):
            pcgrad.PCGrad(keras.optimizers.SGD(), reduction="max")

    @parameterized.parameters(
        ([(2, 2, 3)], "got 1 for 2 variables"),
        ([(2, 2, 3), (3, 4)], "got 3 tasks, the variables before it have 2"),
        ([(2, 2, 3), (4,)], r"got shape \(4,\), expected \[tasks, 4\]"),
        ([(2, 3, 2), (2, 4)], r"got shape \(2, 3, 2\), expected \[tasks, 2, 3"),
        ([(0, 2, 3), (0, 4)], r"got shape \(0, 2, 3\)"),
        ([(2, 2, 3), None], r"got None, expected \[tasks, 4\]"),
    )
    def test_refuses_gradients_that_do_not_fit(self, shapes, message):
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD())
        gradients = [None if s is None else tf.zeros(s) for s in shapes]
        with self.assertRaisesRegex(errors.InputError, message):
            optimizer.apply_task_gradients(gradients, cases.variables())

    def test_refuses_variables_twice_and_nothing(self):
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD())
        variable = keras.Variable(np.zeros(4))
        gradient = tf.zeros((2, 4))
        with self.assertRaisesRegex(errors.InputError, "^variables.*twice"):
            optimizer.apply_task_gradients([gradient] * 2, [variable] * 2)
        with self.assertRaisesRegex(errors.InputError, "^other_var.*twice"):
            optimizer.apply_task_gradients(
                [],
                [],
                other_gradients=[gradient[0]] * 2,
                other_variables=[variable] * 2,
            )
        with self.assertRaisesRegex(errors.InputError, "got 0 for 1 variables"):
            optimizer.apply_task_gradients([], [], other_variables=[variable])
        with self.assertRaisesRegex(errors.InputError, "no gradient for any"):
            optimizer.apply_task_gradients(
                [], [], other_gradients=[None], other_variables=[variable]
            )

    def test_state_is_for_one_number_of_tasks(self):
        optimizer = gradvac.GradVac(keras.optimizers.SGD())
        variables = cases.variables()
        optimizer.apply_task_gradients(cases.gradients(tasks=3)[1], variables)
        with self.assertRaisesRegex(
            errors.InputError, "expected 3 tasks, got 5"
        ):
            optimizer.apply_task_gradients(
                cases.gradients(tasks=5)[1], variables
            )
        with self.assertRaisesRegex(errors.InputError, "state for 3 tasks"):
            optimizer.num_tasks = 4

    def test_state_is_not_made_on_one_of_several_replicas(self):
        optimizer = gradvac.GradVac(keras.optimizers.SGD())
        optimizer.build(cases.variables())
        # A step that fails on a replica would leave TensorFlow's own numbering
        # of collective operations in disorder.
        replica = mock.Mock(num_replicas_in_sync=2)
        with (
            mock.patch.object(
                tf.distribute, "get_replica_context", return_value=replica
            ),
            self.assertRaisesRegex(errors.InputError, "num_tasks.*, 2, when"),
        ):
            optimizer.weigh(tf.eye(2))


if __name__ == "__main__":
    absltest.main()

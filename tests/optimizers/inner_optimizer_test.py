"""What the inner optimizer keeps doing: options, schedules, loss scale."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import cases
from tfmeta.optimizers import (
    aggregators,
    gradvac,
    pcgrad,
    task_gradient_optimizer,
)


class InnerOptimizerTest(parameterized.TestCase):
    @parameterized.parameters(
        {"global_clipnorm": 0.1},
        {"clipvalue": 0.05},
        {"weight_decay": 0.1},
        {"use_ema": True, "ema_momentum": 0.5},
    )
    def test_options_are_its_own(self, **options):
        matrix, gradients = cases.gradients("agreeing", tasks=3)
        variables, expected = cases.variables(), cases.variables()
        for variable in (*variables, *expected):
            variable.assign(variable + 1)
        optimizer = pcgrad.PCGrad(keras.optimizers.Adam(0.1, **options))
        inner = keras.optimizers.Adam(0.1, **options)
        summed = [tf.reduce_sum(g, 0) for g in gradients]
        for _ in range(3):
            optimizer.apply_task_gradients(gradients, variables)
            inner.apply(summed, expected)
        optimizer.finalize_variable_values(variables)
        inner.finalize_variable_values(expected)
        np.testing.assert_allclose(
            cases.flatten(variables), cases.flatten(expected), rtol=1e-5
        )
        self.assertGreater(np.abs(matrix.sum(0)).max(), 0.1)

    def test_exclusion_from_weight_decay(self):
        variables = cases.variables()
        for variable in variables:
            variable.assign(variable + 1)
        optimizer = pcgrad.PCGrad(keras.optimizers.SGD(0.1, weight_decay=0.5))
        optimizer.exclude_from_weight_decay([variables[1]])
        zeros = [tf.zeros((2, *v.shape)) for v in variables]
        optimizer.apply_task_gradients(zeros, variables)
        np.testing.assert_allclose(variables[0], 0.95)
        np.testing.assert_array_equal(variables[1], 1)

    def test_schedule_and_callback_set_the_learning_rate(self):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)
        network = cases.network(pcgrad.PCGrad(keras.optimizers.SGD(schedule)))
        network.fit(cases.data(2), verbose=0)
        self.assertAlmostEqual(float(network.optimizer.learning_rate), 0.25)

        network = cases.network(pcgrad.PCGrad(keras.optimizers.SGD(0.5)))
        callback = keras.callbacks.LearningRateScheduler(
            lambda epoch, rate: rate / 2
        )
        network.fit(cases.data(1), epochs=3, verbose=0, callbacks=[callback])
        self.assertAlmostEqual(
            float(network.optimizer.inner_optimizer.learning_rate), 0.0625
        )

    @parameterized.parameters(*aggregators.AGGREGATORS)
    def test_fit_lowers_the_loss(self, name):
        network = cases.network(aggregators.AGGREGATORS[name]("adam"))
        network.optimizer.learning_rate = 0.03
        first, last = (
            network.fit(cases.data(1).repeat(steps), verbose=0).history["error"]
            for steps in (1, 59)
        )
        self.assertLess(last[0], 0.8 * first[0])


class LossScaleTest(parameterized.TestCase):
    @parameterized.parameters(*aggregators.AGGREGATORS)
    def test_leaves_the_update_as_it_is(self, name):
        results = []
        for inner in (
            keras.optimizers.SGD(0.1),
            keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
            keras.optimizers.SGD(0.1, loss_scale_factor=256.0),
        ):
            variables = cases.variables()
            optimizer = aggregators.AGGREGATORS[name](inner)
            for step in range(3):
                matrix, gradients = cases.gradients(tasks=4, seed=step)
                optimizer.apply_task_gradients(
                    [optimizer.scale_loss(g) for g in gradients],
                    variables,
                    other_gradients=[optimizer.scale_loss(tf.ones(4))],
                    other_variables=[variables[1]],
                )
            np.testing.assert_allclose(
                optimizer.last_gramian,
                matrix @ matrix.T,
                rtol=1e-4,
                atol=1e-5,
            )
            results.append(cases.flatten(variables))
        for result in results[1:]:
            np.testing.assert_allclose(result, results[0], rtol=1e-4, atol=1e-6)

    def test_a_step_that_overflows_is_skipped(self):
        variables = cases.variables()
        optimizer = gradvac.GradVac(
            keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
        )
        _, gradients = cases.gradients(tasks=3)
        optimizer.apply_task_gradients(gradients, variables)
        before = cases.values([*variables, *optimizer.variables])
        gradients[1] = tf.tensor_scatter_nd_update(
            gradients[1], [[1, 2]], [np.inf]
        )
        tf.function(
            lambda: optimizer.apply_task_gradients(gradients, variables)
        )()
        self.assertEqual(optimizer.iterations.numpy(), 1)
        self.assertEqual(optimizer.inner_optimizer.dynamic_scale.numpy(), 2**14)
        optimizer.inner_optimizer.dynamic_scale.assign(2**15)
        optimizer.inner_optimizer.step_counter.assign(1)
        cases.assert_same(
            cases.values([*variables, *optimizer.variables]), before
        )

    def test_goes_inside(self):
        surgery = pcgrad.PCGrad(keras.optimizers.SGD(0.1))
        outside = keras.optimizers.LossScaleOptimizer(
            surgery, initial_scale=8.0, dynamic_growth_steps=5
        )
        inside = task_gradient_optimizer.with_inner_loss_scale(outside)
        self.assertIs(inside, surgery)
        self.assertEqual(inside.inner_optimizer.initial_scale, 8.0)
        self.assertEqual(inside.inner_optimizer.dynamic_growth_steps, 5)
        self.assertEqual(float(inside.scale_loss(1.0)), 8.0)
        again = keras.optimizers.LossScaleOptimizer(inside)
        self.assertIs(
            task_gradient_optimizer.with_inner_loss_scale(again), surgery
        )
        plain = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
        self.assertIs(
            task_gradient_optimizer.with_inner_loss_scale(plain), plain
        )


if __name__ == "__main__":
    absltest.main()

"""The inner loop: closed forms, new data at each step, derivatives."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.functional import inner_loop

_RATE, _STEPS = 0.1, 3


def _quadratic(weights, target):
    """Returns (w - target)^2 / 2, whose gradient step shrinks the distance."""
    return tf.add_n([tf.reduce_sum((w - target) ** 2) for w in weights]) / 2


def _descend(start, data, **kwargs):
    return inner_loop.descend(
        _quadratic,
        start,
        data,
        rates=[_RATE] * len(start),
        steps=_STEPS,
        **kwargs,
    )


class InnerLoopTest(parameterized.TestCase):
    @parameterized.parameters(True, False)
    def test_closed_form(self, differentiable):
        start = [tf.constant([2.0, -1.0]), tf.constant(5.0)]
        adapted = _descend(
            start, lambda step: 1.0, differentiable=differentiable
        )
        for before, after in zip(start, adapted, strict=True):
            np.testing.assert_allclose(
                after, 1 + (1 - _RATE) ** _STEPS * (before - 1), rtol=1e-6
            )

    @parameterized.parameters(True, False)
    def test_each_step_may_see_new_data(self, differentiable):
        targets = tf.constant([1.0, -2.0, 4.0])
        (adapted,) = _descend(
            [tf.constant(0.0)],
            lambda step: tf.gather(targets, step),
            differentiable=differentiable,
        )
        expected = 0.0
        for target in targets.numpy():
            expected += _RATE * (target - expected)
        self.assertAlmostEqual(float(adapted), expected, places=6)

    def test_rates_are_each_weight_s_own(self):
        adapted = inner_loop.descend(
            _quadratic,
            [tf.constant(1.0), tf.constant(1.0)],
            lambda step: 0.0,
            rates=[0.5, tf.constant(0.0)],
            steps=1,
        )
        self.assertEqual([float(weight) for weight in adapted], [0.5, 1.0])

    @parameterized.parameters((False, (1 - _RATE) ** _STEPS), (True, 1.0))
    def test_derivative_by_the_start(self, first_order, expected):
        start = tf.constant(3.0)
        with tf.GradientTape() as tape:
            tape.watch(start)
            (adapted,) = _descend(
                [start], lambda step: 0.0, first_order=first_order
            )
        # A first-order step is a shift, whatever it is by.
        self.assertAlmostEqual(
            float(tape.gradient(adapted, start)), expected, places=6
        )

    def test_derivative_by_what_the_loss_closes_over(self):
        scale = tf.constant(2.0)
        with tf.GradientTape() as tape:
            tape.watch(scale)
            (adapted,) = inner_loop.descend(
                lambda weights, data: scale * weights[0] ** 2 / 2,
                [tf.constant(1.0)],
                lambda step: None,
                rates=[_RATE],
                steps=2,
            )
        # (1 - rate scale)^2, differentiated.
        self.assertAlmostEqual(
            float(tape.gradient(adapted, scale)),
            -2 * _RATE * (1 - _RATE * 2),
            places=6,
        )

    def test_a_weight_that_the_loss_does_not_use_stays(self):
        adapted = inner_loop.descend(
            lambda weights, data: weights[0] ** 2,
            [tf.constant(1.0), tf.constant(7.0)],
            lambda step: None,
            rates=[_RATE] * 2,
            steps=1,
        )
        self.assertEqual(float(adapted[1]), 7.0)


if __name__ == "__main__":
    absltest.main()

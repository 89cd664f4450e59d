"""Graphs that are called directly, one for each kind of data."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.training import direct_calls


class DirectCallsTest(parameterized.TestCase):
    @parameterized.parameters(True, False)
    def test_is_the_function_traced_once_for_each_kind_of_data(self, jit):
        traced = []
        count = tf.Variable(0)

        def step(data):
            traced.append(data)
            count.assign_add(1)
            return {"total": tf.reduce_sum(data["x"]) + data["y"][0]}

        call = direct_calls.DirectCalls(step, jit_compile=jit)
        floats, doubles = np.arange(6.0, dtype=np.float32), np.arange(6.0)
        for x, y, kinds in (
            (floats, 1.0, 1),
            (floats + 1, 2.0, 1),
            (floats.reshape(2, 3), 3.0, 2),
            (doubles, 4.0, 3),
            (floats, 5.0, 3),
        ):
            data = {"x": tf.constant(x), "y": (tf.constant(y, x.dtype),)}
            np.testing.assert_allclose(call(data)["total"], x.sum() + y)
            self.assertLen(traced, kinds)
        self.assertEqual(count.numpy(), 5)


if __name__ == "__main__":
    absltest.main()

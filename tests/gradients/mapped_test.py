"""One gradient per task, however tasks are mapped."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized
from tensorflow_probability import distributions as tfd

from tfmeta import errors
from tfmeta.gradients import mapped as task_gradients
from tfmeta.gradients import task_mapping


def _loss(weights, task):
    weight, unused = weights
    del unused
    outputs = tf.linalg.matvec(task["x"], weight)
    return tf.reduce_mean((outputs - task["y"]) ** 2), {"outputs": outputs}


class TaskGradientsTest(parameterized.TestCase):
    @parameterized.parameters(*task_mapping.TASK_MAPPINGS)
    def test_closed_form(self, mapping):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(5, 7, 3)), rng.normal(size=(5, 7))
        weight = rng.normal(size=3)

        @tf.function
        def compute(tasks):
            return task_gradients.compute_task_gradients(
                _loss,
                [tf.constant(weight), tf.constant([1.0], tf.float64)],
                tasks,
                mapping=mapping,
                output_dtypes={"outputs": tf.float64},
            )

        result = compute({"x": tf.constant(x), "y": tf.constant(y)})
        outputs = x @ weight
        residuals = outputs - y
        np.testing.assert_allclose(result.outputs["outputs"], outputs)
        np.testing.assert_allclose(result.losses, np.mean(residuals**2, 1))
        np.testing.assert_allclose(
            result.gradients[0],
            2 / 7 * np.einsum("tqf,tq->tf", x, residuals),
        )
        np.testing.assert_array_equal(result.gradients[1], np.zeros((5, 1)))

    @parameterized.parameters(*task_mapping.TASK_MAPPINGS)
    def test_the_weights_may_be_a_distribution(self, mapping):
        @tf.function
        def compute(tasks):
            return task_gradients.compute_task_gradients(
                lambda weights, task: (
                    -weights["theta"].log_prob(task),
                    (),
                ),
                {"theta": tfd.Normal(tf.constant(1.0), tf.constant(2.0))},
                tasks,
                mapping=mapping,
                output_dtypes=(),
            )

        x = np.array([1.0, 3.0, -4.0], np.float32)
        of_loc, of_scale = compute(tf.constant(x)).gradients
        np.testing.assert_allclose(of_loc, (1 - x) / 4, rtol=1e-6)
        np.testing.assert_allclose(
            of_scale, 1 / 2 - (x - 1) ** 2 / 8, rtol=1e-6
        )

    def test_unknown_mapping(self):
        with self.assertRaisesRegex(errors.InputError, "mapping='loop'"):
            task_mapping.map_tasks(
                lambda x: x,
                tf.zeros(2),
                mapping="loop",
                output_dtypes=tf.float32,
            )

    def test_unrolling_needs_a_known_number_of_tasks(self):
        @tf.function(input_signature=[tf.TensorSpec((None,))], autograph=False)
        def unroll(tasks):
            return task_mapping.map_tasks(
                lambda x: x,
                tasks,
                mapping="unroll",
                output_dtypes=tf.float32,
            )

        with self.assertRaisesRegex(errors.InputError, "drop_remainder"):
            unroll(tf.zeros(2))


if __name__ == "__main__":
    absltest.main()

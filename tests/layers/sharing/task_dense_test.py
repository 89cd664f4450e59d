import keras
import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import task_dense


class TaskDenseTest(parameterized.TestCase):
    @parameterized.parameters((), (7,))
    def test_each_task_has_a_layer_of_its_own(self, *between):
        keras.utils.set_random_seed(0)
        rng = np.random.default_rng(0)
        layer = task_dense.TaskDense(4, 3, activation="tanh")
        inputs = rng.normal(size=(6, *between, 3, 5)).astype(np.float32)
        outputs = layer(inputs)
        layer.bias.assign(rng.normal(size=(3, 4)))
        outputs = layer(inputs)
        self.assertEqual(
            outputs.shape, layer.compute_output_shape(inputs.shape)
        )
        for task in range(3):
            dense = keras.layers.Dense(4, activation="tanh")
            dense.build((None, 5))
            dense.set_weights([layer.kernel[task], layer.bias[task]])
            np.testing.assert_allclose(
                outputs[..., task, :],
                dense(inputs[..., task, :]),
                rtol=1e-5,
                atol=1e-6,
            )

    def test_tasks_start_apart_each_with_the_fans_of_one(self):
        layer = task_dense.TaskDense(300, 2, use_bias=False)
        layer.build((None, 2, 100))
        kernel = layer.kernel.numpy()
        self.assertTrue((kernel[0] != kernel[1]).any())
        np.testing.assert_allclose(
            kernel.std((1, 2)), (2 / 400) ** 0.5, rtol=0.05
        )

    def test_mistake(self):
        with self.assertRaisesRegex(errors.InputError, "tasks=0: expected"):
            task_dense.TaskDense(3, 0)


if __name__ == "__main__":
    absltest.main()

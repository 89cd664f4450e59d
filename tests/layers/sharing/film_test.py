"""FiLM: identity, equation 2, dtypes, bad input and saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import film


def _inputs(*shape, size=3):
    rng = np.random.default_rng(0)
    return [
        rng.normal(size=shape).astype(np.float32),
        rng.normal(size=(shape[0], size)).astype(np.float32),
    ]


class FiLMTest(parameterized.TestCase):
    @parameterized.parameters((4, 2), (4, 7, 2), (4, 5, 5, 2))
    def test_starts_by_changing_nothing(self, *shape):
        inputs = _inputs(*shape)
        np.testing.assert_array_equal(film.FiLM()(inputs), inputs[0])

    @parameterized.parameters((4, 2), (4, 5, 5, 2))
    def test_scales_and_shifts_each_channel(self, *shape):
        features, condition = inputs = _inputs(*shape)
        layer = film.FiLM("glorot_uniform")
        outputs = layer(inputs)
        kernel, bias = layer.get_weights()
        modulation = (condition @ kernel + bias).reshape(
            4, *[1] * (len(shape) - 2), 4
        )
        gamma, beta = 1 + modulation[..., :2], modulation[..., 2:]
        np.testing.assert_allclose(
            outputs, gamma * features + beta, rtol=1e-5, atol=1e-6
        )

    def test_one_condition_holds_for_the_batch(self):
        features, condition = _inputs(4, 5, 5, 2)
        layer = film.FiLM("glorot_uniform")
        np.testing.assert_allclose(
            layer([features, condition[:1]]),
            layer([features, np.repeat(condition[:1], 4, 0)]),
            rtol=1e-6,
        )

    def test_learns_what_a_task_is(self):
        """Two tasks that differ in sign and offset share one linear layer."""
        keras.utils.set_random_seed(0)
        features = keras.Input((3,))
        task = keras.Input((), dtype="int32")
        shared = keras.layers.Dense(1)(features)
        embedding = keras.layers.Embedding(2, 4)(task)
        model = keras.Model([features, task], film.FiLM()([shared, embedding]))
        model.compile(keras.optimizers.Adam(0.03), "mse")
        rng = np.random.default_rng(0)
        x = rng.normal(size=(512, 3))
        tasks = rng.integers(0, 2, 512)
        y = np.where(tasks == 0, x.sum(1), 2 - 3 * x.sum(1))
        model.fit([x, tasks], y, batch_size=32, epochs=15, verbose=0)
        self.assertLess(model.evaluate([x, tasks], y, verbose=0), 0.05)

    def test_mixed_precision_computes_in_half(self):
        layer = film.FiLM(dtype="mixed_bfloat16")
        self.assertEqual(layer(_inputs(4, 2)).dtype, tf.bfloat16)
        self.assertEqual(layer.trainable_variables[0].dtype, "float32")

    def test_saves_and_loads(self):
        inputs = [keras.Input((5, 5, 2)), keras.Input((3,))]
        model = keras.Model(inputs, film.FiLM("he_normal")(inputs))
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        self.assertEqual(
            loaded.layers[-1].get_config(), model.layers[-1].get_config()
        )
        np.testing.assert_array_equal(
            loaded(_inputs(4, 5, 5, 2)), model(_inputs(4, 5, 5, 2))
        )

    def test_bad_input_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "features.*condition"):
            film.FiLM().build([(None, 2)])
        with self.assertRaisesRegex(errors.InputError, "features.*condition"):
            film.FiLM().build([(None, 2), (None, 4, 3)])


if __name__ == "__main__":
    absltest.main()

"""MTAN's attention module: its masks, its inputs, dtypes and saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import task_attention


def _inputs(channels=(3, 4, 2)):
    rng = np.random.default_rng(0)
    return [
        rng.normal(0, 4, size=(2, 6, 6, size)).astype(np.float32)
        for size in channels
    ]


class TaskAttentionTest(parameterized.TestCase):
    @parameterized.parameters([[3, 4]], [[3, 4, 2]])
    def test_masks_are_in_the_unit_interval(self, channels):
        layer = task_attention.TaskAttention()
        inputs = _inputs(channels)
        outputs = layer(inputs, training=True)
        mask = layer.mask(inputs, training=True).numpy()
        self.assertEqual(mask.shape, inputs[1].shape)
        self.assertGreaterEqual(mask.min(), 0)
        self.assertLessEqual(mask.max(), 1)
        self.assertGreater(mask.max() - mask.min(), 0.3)
        np.testing.assert_allclose(outputs, mask * inputs[1], rtol=1e-6)

    @parameterized.named_parameters(
        ("ones", 100.0, 1.0), ("zeros", -100.0, 0.0)
    )
    def test_a_constant_mask_of(self, shift, share):
        layer = task_attention.TaskAttention()
        inputs = _inputs()
        layer(inputs)
        # The last normalization's offset, before the sigmoid.
        layer.mask_layers[4].gamma.assign(np.zeros(4))
        layer.mask_layers[4].beta.assign(np.full(4, shift))
        np.testing.assert_allclose(
            layer(inputs), share * inputs[1], rtol=1e-6, atol=1e-30
        )

    def test_the_mask_reads_the_first_and_previous_features(self):
        layer = task_attention.TaskAttention()
        inputs = [tf.constant(x) for x in _inputs()]
        layer(inputs)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            mask = layer.mask(inputs)
        first, last, previous = tape.gradient(mask, inputs)
        self.assertGreater(np.abs(first).max(), 1e-4)
        self.assertGreater(np.abs(previous).max(), 1e-4)
        self.assertIsNone(last)

    def test_only_training_moves_the_statistics(self):
        layer = task_attention.TaskAttention(filters=5)
        layer(_inputs())
        before = layer.get_weights()
        layer(_inputs(), training=False)
        for one, other in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        layer(_inputs(), training=True)
        moved = [
            not np.array_equal(one, other)
            for one, other in zip(before, layer.get_weights(), strict=True)
        ]
        self.assertEqual(sum(moved), 4)

    def test_mixed_precision_computes_in_half(self):
        layer = task_attention.TaskAttention(dtype="mixed_bfloat16")
        self.assertEqual(layer(_inputs()).dtype, tf.bfloat16)

    def test_saves_and_loads(self):
        inputs = [keras.Input((6, 6, size)) for size in (3, 4, 2)]
        layer = task_attention.TaskAttention(filters=5)
        model = keras.Model(inputs, layer(inputs))
        model(_inputs(), training=True)
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        np.testing.assert_array_equal(
            keras.models.load_model(path)(_inputs()), model(_inputs())
        )

    def test_bad_input_is_refused(self):
        for shapes in (
            [(None, 6, 6, 3)],
            [(None, 6, 6, 3), (None, 3, 3, 3)],
            [(None, 3), (None, 3)],
        ):
            with self.assertRaisesRegex(errors.InputError, "first, last"):
                task_attention.TaskAttention().build(shapes)


if __name__ == "__main__":
    absltest.main()

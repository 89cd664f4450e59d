"""MTAN: its shapes, what its tasks share, training and saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import errors
from tfmeta.networks import attention


def _network(tasks=("depth", "label")):
    keras.utils.set_random_seed(0)
    return attention.mtan(
        {
            task: keras.layers.Conv2D(3, 1, name=f"{task}_head")
            for task in tasks
        },
        input_shape=(8, 12, 3),
        stages=((4, 2), (6, 3)),
    )


def _images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 8, 12, 3)).astype(np.float32)


def _open_masks(model):
    """Sets all masks to 1."""
    for layer in model.layers:
        if "_attention" in layer.name:
            norm = layer.mask_layers[4]
            norm.gamma.assign(np.zeros(norm.gamma.shape))
            norm.beta.assign(np.full(norm.beta.shape, 100.0))


class MTANTest(absltest.TestCase):
    def test_heads_take_the_pooled_features(self):
        model = _network()
        outputs = model(_images())
        self.assertSameElements(outputs, ["depth", "label"])
        self.assertEqual(outputs["depth"].shape, (5, 2, 3, 3))
        self.assertEqual(model.get_layer("depth_head").input.shape[-1], 6)

    def test_another_task_adds_attention_and_a_head_alone(self):
        two, three = _network(), _network(("depth", "label", "normal"))
        added = sum(
            three.get_layer(name).count_params()
            for name in (
                "normal_attention1",
                "normal_attention2",
                "normal_head",
            )
        )
        self.assertEqual(three.count_params() - two.count_params(), added)

    def test_with_open_masks_all_tasks_have_the_shared_features(self):
        model = _network()
        features = keras.Model(
            model.input,
            [model.get_layer(f"{task}_head").input for task in model.output],
        )
        first, second = features(_images())
        self.assertGreater(np.abs(first - second).max(), 1e-3)
        _open_masks(model)
        first, second = features(_images())
        np.testing.assert_allclose(first, second, rtol=1e-6)
        last = model.get_layer("stage2_conv3_relu").output
        for name in ("", "_norm", "_relu"):
            last = model.get_layer(f"stage2_extract{name}")(last)
        shared = keras.Model(model.input, keras.layers.MaxPooling2D()(last))
        np.testing.assert_allclose(first, shared(_images()), rtol=1e-5)

    def test_a_task_s_loss_has_no_gradient_in_another_s_attention(self):
        model = _network()
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_sum(model(_images())["depth"] ** 2)
        for name, is_none in (
            ("depth_attention1", False),
            ("label_attention1", True),
            ("stage1_conv1", False),
            ("stage2_extract", False),
        ):
            variables = model.get_layer(name).trainable_variables
            for gradient in tape.gradient(loss, variables):
                self.assertEqual(gradient is None, is_none, name)

    def test_trains_and_saves(self):
        model = _network()
        model.compile("sgd", dict.fromkeys(model.output, "mse"))
        targets = np.ones((5, 2, 3, 3), np.float32)
        model.fit(_images(), dict.fromkeys(model.output, targets), verbose=0)
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        for task, output in model(_images()).items():
            np.testing.assert_array_equal(loaded(_images())[task], output)

    def test_bad_input_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "heads="):
            attention.mtan({}, input_shape=(8, 8, 3))
        for stages in ((), ((4, 0),)):
            with self.assertRaisesRegex(errors.InputError, "stages="):
                attention.mtan(
                    {"a": keras.layers.Flatten()},
                    input_shape=(8, 8, 3),
                    stages=stages,
                )


if __name__ == "__main__":
    absltest.main()

"""Hard sharing: what is shared, own data, saving and bad input."""

import warnings

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.networks import perceptron, sharing


def _heads():
    return {
        "class": keras.layers.Dense(3, name="class_head"),
        "value": lambda features: keras.layers.Dense(1)(features) ** 2,
    }


def _data(*sizes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(size, 4)).astype(np.float32) for size in sizes]


class HardSharingTest(parameterized.TestCase):
    def test_heads_read_one_trunk(self):
        trunk = perceptron.mlp(4, 5)
        heads = _heads()
        model = sharing.hard_sharing(trunk, heads)
        (x,) = _data(6)
        outputs = model(x)
        self.assertEqual(list(outputs), ["class", "value"])
        np.testing.assert_allclose(
            outputs["class"], heads["class"](trunk(x)), rtol=1e-6
        )
        self.assertEqual(outputs["value"].shape, (6, 1))
        self.assertEqual(model.count_params(), trunk.count_params() + 6 * 3 + 6)

    def test_own_inputs_give_what_a_shared_one_gives(self):
        trunk = perceptron.mlp(4, 5)
        heads = {task: keras.layers.Dense(2) for task in ("a", "b")}
        own = sharing.hard_sharing(trunk, heads, own_inputs=True)
        shared = sharing.hard_sharing(trunk, heads)
        first, second = _data(6, 3)
        outputs = own({"a": first, "b": second})
        np.testing.assert_allclose(outputs["a"], shared(first)["a"], rtol=1e-6)
        np.testing.assert_allclose(outputs["b"], shared(second)["b"], rtol=1e-6)

    @parameterized.parameters(True, False)
    def test_heads_may_be_named_as_their_tasks(self, own_inputs):
        heads = {
            task: keras.layers.Dense(2, name=task) for task in ("a", "inputs")
        }
        trunk = perceptron.mlp(4, 5)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = sharing.hard_sharing(trunk, heads, own_inputs=own_inputs)
        (x,) = _data(6)
        outputs = model({"a": x, "inputs": x} if own_inputs else x)
        for task, head in heads.items():
            np.testing.assert_allclose(outputs[task], head(trunk(x)), rtol=1e-6)

    def test_a_task_s_loss_has_no_gradient_in_another_head(self):
        trunk = perceptron.mlp(4, 5)
        heads = {task: keras.layers.Dense(2) for task in ("a", "b")}
        model = sharing.hard_sharing(trunk, heads, own_inputs=True)
        first, second = _data(6, 3)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model({"a": first, "b": second})["a"])
        gradients = tape.gradient(
            loss, [trunk.trainable_variables, heads["b"].trainable_variables]
        )
        self.assertNotIn(None, gradients[0])
        self.assertEqual(gradients[1], [None, None])

    def test_trains_and_saves(self):
        model = sharing.hard_sharing(perceptron.mlp(4, 5), _heads())
        model.compile(
            "adam",
            {
                "class": keras.losses.SparseCategoricalCrossentropy(True),
                "value": "mse",
            },
        )
        (x,) = _data(6)
        model.fit(x, {"class": np.arange(6) % 3, "value": x[:, :1]}, verbose=0)
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        for task, output in model(x).items():
            np.testing.assert_array_equal(loaded(x)[task], output)

    def test_keeps_the_input_s_dtype(self):
        inputs = keras.Input((), dtype="int32")
        trunk = keras.Model(inputs, keras.layers.Embedding(3, 2)(inputs))
        model = sharing.hard_sharing(trunk, _heads())
        self.assertEqual(model.inputs[0].dtype, "int32")

    def test_bad_input_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "heads="):
            sharing.hard_sharing(perceptron.mlp(4, 5), {})
        with self.assertRaisesRegex(errors.InputError, "trunk=.*built"):
            sharing.hard_sharing(
                keras.Sequential([keras.layers.Dense(2)]), _heads()
            )
        with self.assertRaisesRegex(errors.InputError, "trunk=.*one input"):
            sharing.hard_sharing(
                sharing.hard_sharing(perceptron.mlp(4, 5), _heads()), _heads()
            )


class JoinTasksTest(parameterized.TestCase):
    def test_what_is_shared_stays_shared(self):
        inputs = [keras.Input((4,), name=task) for task in "ab"]
        trunk = keras.layers.Dense(5)
        models = {
            task: keras.Model(x, keras.layers.Dense(2)(trunk(x)))
            for task, x in zip("ab", inputs, strict=True)
        }
        joint = sharing.join_tasks(models)
        self.assertLen(joint.trainable_variables, 6)
        path = self.create_tempdir().full_path + "/model.keras"
        joint.save(path)
        loaded = keras.models.load_model(path)
        self.assertLen(loaded.trainable_variables, 6)
        first, second = _data(6, 3)
        outputs = loaded({"a": first, "b": second})
        np.testing.assert_allclose(outputs["a"], models["a"](first), rtol=1e-6)
        np.testing.assert_allclose(outputs["b"], models["b"](second), rtol=1e-6)

    def test_no_models_are_refused(self):
        with self.assertRaisesRegex(errors.InputError, "models="):
            sharing.join_tasks({})


if __name__ == "__main__":
    absltest.main()

"""The multi-task CIFAR-100 networks: sizes, sharing, training, saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import routers
from tfmeta.networks import cifar_multitask, sharing

_TASKS = ("fish", "flowers", "trees")


def _small(variant, **kwargs):
    keras.utils.set_random_seed(0)
    return cifar_multitask.task_networks(
        variant,
        _TASKS,
        **{
            "classes": 4,
            "input_shape": (16, 16, 3),
            "filters": 6,
            "units": (8, 7),
        }
        | kwargs,
    )


def _images(size=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(size, 16, 16, 3)).astype(np.float32)


def _touched(networks, task):
    """Returns the variables in which the task's loss has a gradient."""
    variables = sharing.join_tasks(networks).trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(networks[task](_images(), training=True) ** 2)
    return {
        id(variable)
        for variable, gradient in zip(
            variables, tape.gradient(loss, variables), strict=True
        )
        if gradient is not None
    }


class TaskNetworksTest(parameterized.TestCase):
    def test_one_network_has_the_papers_size(self):
        networks = cifar_multitask.task_networks("independent", ["fish"])
        convolutions = 9 * (3 + 2 * 160) * 160 + 3 * 160
        features = 4 * 4 * 160
        dense = (features + 1) * 320 + 321 * 320 + 321 * 5
        self.assertEqual(
            networks["fish"].count_params(),
            convolutions + 2 * features + dense,
        )

    @parameterized.parameters(*cifar_multitask.VARIANTS)
    def test_each_task_has_its_own_forward_pass(self, variant):
        networks = _small(variant)
        self.assertEqual(list(networks), list(_TASKS))
        for size, network in enumerate(networks.values(), start=1):
            self.assertEqual(network(_images(size)).shape, (size, 4))
            self.assertTrue(np.isfinite(network(_images(size))).all())

    @parameterized.parameters(
        # Variables: 8 of the trunk, 4 hidden and 2 of the head.
        ("independent", 14, 0),
        ("one_fc", 14, 12),
        ("all_fc", 14, 8),
        ("cross_stitch", 8 + 3 * 4 + 2 + 2, 8 + 3 * 4 + 2),
        ("routing", 14, 14),
    )
    def test_shares(self, variant, used, shared):
        networks = _small(variant)
        first, second = (_touched(networks, task) for task in _TASKS[:2])
        self.assertLen(first, used)
        self.assertLen(first & second, shared)

    def test_the_normalization_is_of_one_example(self):
        network = _small("one_fc")["fish"]
        np.testing.assert_allclose(
            network(_images(), training=True)[:2],
            network(_images()[:2], training=False),
            rtol=1e-4,
            atol=1e-6,
        )

    def test_cross_stitch_with_the_identity_is_all_fc(self):
        networks = _small("cross_stitch")
        twin = _small("all_fc")
        for number in (1, 2):
            networks["fish"].get_layer(f"cross_stitch{number}").alpha.assign(
                np.eye(3)
            )
        twin["trees"].get_layer("trunk").set_weights(
            networks["trees"].get_layer("trunk").get_weights()
        )
        theirs = [
            layer
            for layer in twin["trees"].layers
            if isinstance(layer, keras.layers.Dense)
        ]
        dense = [
            layer
            for layer in networks["trees"].layers
            if isinstance(layer, keras.layers.Dense)
        ]
        # The first layers of all columns, the second ones, and the head.
        for layer, index in zip(theirs, (2, 5, 6), strict=True):
            layer.set_weights(dense[index].get_weights())
        np.testing.assert_allclose(
            networks["trees"](_images()),
            twin["trees"](_images()),
            rtol=1e-5,
            atol=1e-6,
        )

    @parameterized.parameters(*cifar_multitask.VARIANTS)
    def test_saves_and_loads_as_one_model(self, variant):
        networks = _small(variant)
        joint = sharing.join_tasks(networks)
        path = self.create_tempdir().full_path + "/model.keras"
        joint.save(path)
        loaded = keras.models.load_model(path)
        self.assertEqual(loaded.count_params(), joint.count_params())
        outputs = loaded(dict.fromkeys(_TASKS, _images()))
        for task, network in networks.items():
            np.testing.assert_allclose(
                outputs[task], network(_images()), rtol=1e-5, atol=1e-6
            )

    @parameterized.parameters("independent", "one_fc", "cross_stitch")
    def test_learns(self, variant):
        """The mean of one colour, another in each task."""
        networks = _small(variant, classes=2, units=(24, 24))
        joint = sharing.join_tasks(networks)
        x = _images(64)
        x += np.random.default_rng(1).normal(size=(64, 1, 1, 3))
        labels = {
            task: (x[..., channel].mean((1, 2)) > 0).astype(np.int32)
            for channel, task in enumerate(_TASKS)
        }
        joint.compile(
            keras.optimizers.Adam(0.01),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        # A step that makes the optimizer's variables is traced twice.
        joint.optimizer.build(joint.trainable_variables)
        history = joint.fit(
            dict.fromkeys(_TASKS, x), labels, batch_size=16, epochs=8, verbose=0
        ).history["loss"]
        self.assertLess(history[-1], 0.6 * 3 * np.log(2))

    def test_a_router_can_be_given(self):
        router = routers.Router(_TASKS, 3, 2, collaboration=0.1)
        networks = _small("routing", router=router)
        layer = networks["fish"].get_layer("routed3")
        self.assertEqual(layer.kernels.shape, (2, 7, 4))
        self.assertIs(networks["trees"].get_layer("router"), router)

    def test_bad_input_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "variant='two_fc'"):
            cifar_multitask.task_networks("two_fc", _TASKS)
        with self.assertRaisesRegex(errors.InputError, "tasks="):
            cifar_multitask.task_networks("one_fc", ["fish", "fish"])
        router = routers.Router(_TASKS, 3, 2, name="router")
        with self.assertRaisesRegex(errors.InputError, "router='router'"):
            _small("one_fc", router=router)


if __name__ == "__main__":
    absltest.main()

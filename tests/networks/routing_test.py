"""Routing networks: forward passes, one block, training and saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import errors
from tfmeta.layers.sharing import routers
from tfmeta.networks import perceptron, routing, sharing


def _networks(tasks=("a", "b"), blocks=3, units=(8, 2), **kwargs):
    keras.utils.set_random_seed(0)
    router = routers.Router(
        tasks, len(units), blocks, seed=1, name="router", **kwargs
    )
    trunk = perceptron.mlp(4, 6, hidden=[7])
    return router, routing.routing_networks(trunk, router, units)


def _inputs(size=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(size, 4)).astype(np.float32)


class RoutingNetworksTest(absltest.TestCase):
    def test_with_one_block_it_is_hard_sharing(self):
        _, networks = _networks(blocks=1)
        layers = [networks["a"].get_layer(f"routed{n}") for n in (1, 2)]
        hidden = networks["a"].get_layer("mlp")(_inputs())
        hidden = tf.nn.relu(hidden @ layers[0].kernels[0])
        for network in networks.values():
            for training in (True, False):
                np.testing.assert_allclose(
                    network(_inputs(), training=training),
                    hidden @ layers[1].kernels[0],
                    rtol=1e-5,
                    atol=1e-6,
                )

    def test_tasks_take_the_paths_of_their_agents(self):
        router, networks = _networks()
        policies = np.zeros((2, 2, 3))
        policies[0, 0, 1] = policies[0, 1, 2] = 1
        policies[1, 0, 1] = policies[1, 1, 0] = 1
        router.policies.assign(policies)
        outputs = {}
        for task, network in networks.items():
            outputs[task] = network(_inputs(), training=True)
            np.testing.assert_array_equal(outputs[task], network(_inputs()))
        self.assertGreater(np.abs(outputs["a"] - outputs["b"]).max(), 0.1)
        policies[1, 1] = policies[0, 1]
        router.policies.assign(policies)
        np.testing.assert_array_equal(outputs["a"], networks["b"](_inputs()))

    def test_opposite_tasks_learn_to_part(self):
        """Two tasks agree, and a third has their labels reversed."""
        tasks = ("same1", "same2", "reversed")
        router, networks = _networks(tasks, 3, (16, 2), learning_rate=0.1)
        joint = sharing.join_tasks(networks)
        optimizer = keras.optimizers.Adam(0.01)
        optimizer.build(joint.trainable_variables)
        data_rng = np.random.default_rng(0)

        def batch(task, size=32):
            x = data_rng.normal(size=(size, 4)).astype(np.float32)
            labels = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
            return x, 1 - labels if task == "reversed" else labels

        @tf.function
        def step(batches):
            total, rewards = 0.0, {}
            with tf.GradientTape() as tape:
                for task, (x, y) in batches.items():
                    logits = networks[task](x, training=True)
                    right = tf.argmax(logits, -1, tf.int32) == y
                    rewards[task] = 2 * tf.cast(right, tf.float32) - 1
                    total += tf.reduce_mean(
                        tf.nn.sparse_softmax_cross_entropy_with_logits(
                            y, logits
                        )
                    )
            optimizer.apply(tape.gradient(total, joint.trainable_variables))
            for task, reward in rewards.items():
                router.update_policies(
                    task, router.last_decisions(task), reward
                )

        for _ in range(600):
            step({task: batch(task) for task in tasks})
        for task in tasks:
            x, y = batch(task, 500)
            accuracy = np.mean(np.argmax(networks[task](x), -1) == y)
            self.assertGreater(accuracy, 0.85, task)
        np.testing.assert_allclose(
            tf.reduce_sum(router.policies, -1), 1, rtol=1e-5
        )

    def test_fits_with_keras(self):
        _, networks = _networks()
        network = networks["a"]
        network.compile(
            "adam", keras.losses.SparseCategoricalCrossentropy(True)
        )
        before = network.get_layer("routed1").get_weights()
        network.fit(_inputs(), np.array([0, 1, 0, 1, 0]), epochs=3, verbose=0)
        after = network.get_layer("routed1").get_weights()
        self.assertGreater(np.abs(before[0] - after[0]).max(), 0)

    def test_saves_and_loads_with_its_policies(self):
        router, networks = _networks()
        router.update_policies("b", [2, 1], 1.0)
        joint = sharing.join_tasks(networks)
        path = self.create_tempdir().full_path + "/model.keras"
        joint.save(path)
        loaded = keras.models.load_model(path)
        self.assertLen(loaded.trainable_variables, 4 + 4)
        loaded_router = loaded.get_layer("router")
        self.assertEqual(loaded_router.get_config(), router.get_config())
        np.testing.assert_array_equal(loaded_router.policies, router.policies)
        given = {"a": _inputs(), "b": _inputs(3)}
        for training in (False, True):
            for one, other in zip(
                tf.nest.flatten(loaded(given, training=training)),
                tf.nest.flatten(joint(given, training=training)),
                strict=True,
            ):
                np.testing.assert_array_equal(one, other)

    def test_bad_input_is_refused(self):
        router, _ = _networks()
        with self.assertRaisesRegex(errors.InputError, "units=.*expected 2"):
            routing.routing_networks(perceptron.mlp(4, 6), router, [3, 3, 2])


if __name__ == "__main__":
    absltest.main()

"""A chain on weights of all tasks, and on weights of each."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.functional import dense_chain

_TASKS = 3


def _network():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.Dense(6, activation="relu", use_bias=False),
            keras.layers.Dense(2),
        ]
    )


class DenseChainTest(parameterized.TestCase):
    def test_on_the_networks_own_weights_it_is_the_network(self):
        network = _network()
        inputs = np.random.default_rng(0).normal(size=(_TASKS, 7, 4))
        inputs = tf.constant(inputs, tf.float32)
        found = dense_chain.DenseChain(network)(
            network.trainable_variables, inputs
        )
        np.testing.assert_allclose(
            found, [network(part) for part in inputs], rtol=1e-5, atol=1e-6
        )

    def test_each_task_runs_on_its_weights(self):
        network = _network()
        chain = dense_chain.DenseChain(network)
        rng = np.random.default_rng(0)
        inputs = tf.constant(rng.normal(size=(_TASKS, 7, 4)), tf.float32)
        weights = [
            tf.constant(rng.normal(size=(_TASKS, *v.shape)), tf.float32)
            for v in network.trainable_variables
        ]
        found = chain(weights, inputs)
        for task in range(_TASKS):
            for variable, weight in zip(
                network.trainable_variables, weights, strict=True
            ):
                variable.assign(weight[task])
            np.testing.assert_allclose(
                found[task], network(inputs[task]), rtol=1e-4, atol=1e-5
            )

    @parameterized.parameters(False, True)
    def test_equal_copies_keep_the_gradients_of_tasks_apart(self, jit_compile):
        network = _network()
        inputs = tf.random.stateless_normal((_TASKS, 7, 4), [0, 1])
        copies = [
            tf.broadcast_to(v, (_TASKS, *v.shape))
            for v in network.trainable_variables
        ]

        @tf.function(jit_compile=jit_compile)
        def run(chain):
            with tf.GradientTape() as tape:
                tape.watch([inputs, *copies])
                outputs = chain(copies, inputs)
                loss = tf.reduce_sum(outputs**2)
            return outputs, tape.gradient(loss, [inputs, *copies])

        for ours, theirs in zip(
            *(
                tf.nest.flatten(
                    run(dense_chain.DenseChain(network, equal_copies=equal))
                )
                for equal in (True, False)
            ),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

    def test_some_weights_may_be_shared(self):
        network = _network()
        chain = dense_chain.DenseChain(network)
        inputs = tf.random.stateless_normal((_TASKS, 7, 4), [0, 1])
        values = [tf.convert_to_tensor(v) for v in network.trainable_variables]
        mixed = [
            tf.stack([value] * _TASKS) if number % 2 else value
            for number, value in enumerate(values)
        ]
        np.testing.assert_allclose(
            chain(mixed, inputs), chain(values, inputs), rtol=1e-5, atol=1e-6
        )

    def test_other_layers(self):
        network = keras.Sequential(
            [keras.Input((4,)), keras.layers.LayerNormalization(name="norm")]
        )
        with self.assertRaisesRegex(
            errors.InputError, "'norm', a LayerNormalization: expected a chain"
        ):
            dense_chain.DenseChain(network)


if __name__ == "__main__":
    absltest.main()

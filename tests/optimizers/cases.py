"""Variables, gradients and a network for tests of the optimizer."""

import keras
import numpy as np
import tensorflow as tf

from tests.optimizers import task_matrices

TASKS = 4


@keras.saving.register_keras_serializable("tests")
class Network(keras.Model):
    """One loss for each column of the targets."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape(persistent=True) as tape:
            errors_ = tf.reduce_mean((self(x) - y) ** 2, 0)
            losses = [
                self.optimizer.scale_loss(errors_[task])
                for task in range(TASKS)
            ]
        gradients = [
            tape.gradient(loss, self.trainable_variables) for loss in losses
        ]
        self.optimizer.apply_task_gradients(
            [tf.stack(g) for g in zip(*gradients, strict=True)],
            self.trainable_variables,
        )
        return {"error": tf.reduce_sum(errors_)}


def network(optimizer, **kwargs):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(5, activation="tanh", name="a")(inputs)
    network = Network(inputs, keras.layers.Dense(TASKS, name="b")(hidden))
    network.compile(optimizer, loss="mse", **kwargs)
    # A step that makes the optimizer's variables is traced twice.
    network.optimizer.build(network.trainable_variables)
    return network


def data(steps=6):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8 * steps, 3)).astype(np.float32)
    y = rng.normal(size=(8 * steps, TASKS)).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8, True)


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def values(variables):
    return [variable.numpy() for variable in variables]


def variables():
    return [keras.Variable(np.zeros((2, 3))), keras.Variable(np.zeros(4))]


def gradients(kind="conflicting", tasks=2, seed=0):
    """Returns a matrix of gradients, and the same cut into two variables."""
    matrix = task_matrices.make(kind, tasks, size=10, seed=seed)
    matrix = matrix.astype(np.float32)
    return matrix, [
        tf.constant(matrix[:, :6].reshape(-1, 2, 3)),
        tf.constant(matrix[:, 6:]),
    ]


def flatten(variables):
    return np.concatenate([variable.numpy().ravel() for variable in variables])

"""A model of two tasks, and its data."""

import keras
import numpy as np

from tfmeta.multitask import multi_task_model
from tfmeta.optimizers import pcgrad

RATE = 0.1
LOSSES = {"kind": "sparse_categorical_crossentropy", "depth": "mse"}


def pcgrad_sgd():
    # For two tasks it has no random choices, and a closed form.
    return pcgrad.PCGrad(keras.optimizers.SGD(RATE))


def data(size=20, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, 6)).astype(np.float32)
    return x, {
        "kind": rng.integers(3, size=size),
        "depth": rng.normal(size=size).astype(np.float32),
    }


def tensors(dropout=0.0):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(
        8, "tanh", kernel_regularizer=keras.regularizers.L2(0.02), name="trunk"
    )(inputs)
    hidden = keras.layers.Dropout(dropout, seed=1)(hidden)
    return inputs, {
        "kind": keras.layers.Dense(3, "softmax", name="kind_head")(hidden),
        "depth": keras.layers.Dense(1, name="depth_head")(hidden),
    }


def compiled(optimizer=None, dropout=0.0, **kwargs):
    model = multi_task_model.MultiTaskModel(*tensors(dropout))
    model.compile(optimizer or keras.optimizers.Adam(0.01), LOSSES, **kwargs)
    return model


def fit(model, epochs=2, **kwargs):
    x, y = data()
    return model.fit(
        x, y, batch_size=10, epochs=epochs, verbose=0, shuffle=False, **kwargs
    ).history


def assert_same_variables(ours, theirs, **tolerance):
    for left, right in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(left, right, **tolerance)

"""Every variational layer, small, with inputs and its deterministic twin."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfmeta.layers.variational import conv, dense


class Case(NamedTuple):
    """A variational layer.

    Attributes:
        make: constructor that takes the arguments all layers share.
        twin: constructor of the Keras layer that it is at inference.
        multiply: the product of inputs and kernel.
        input_shape: of a batch of 2.
        shares_draw: whether all examples see one draw of the kernel.
    """

    make: functools.partial
    twin: functools.partial
    multiply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    input_shape: tuple[int, ...]
    shares_draw: bool

    def __repr__(self):
        return self.make.func.__name__

    def inputs(self, dtype=np.float32) -> np.ndarray:
        """Returns fixed inputs."""
        return (
            np.random.default_rng(5).normal(size=self.input_shape).astype(dtype)
        )

    def build(self, **kwargs) -> keras.Layer:
        """Returns a built layer with fixed, not small, weights."""
        layer = self.make(seed=11, **kwargs)
        layer.build(self.input_shape)
        rng = np.random.default_rng(6)
        for variable in layer.trainable_variables:
            mean = -1.0 if "untransformed_scale" in variable.path else 0.0
            variable.assign(rng.normal(mean, 0.5, variable.shape))
        return layer


def _case(make, twin, multiply, input_shape, shares_draw, **shape):
    return Case(
        functools.partial(make, **shape),
        functools.partial(twin, **shape),
        multiply,
        input_shape,
        shares_draw,
    )


_dense = functools.partial(
    _case,
    twin=keras.layers.Dense,
    multiply=tf.matmul,
    input_shape=(2, 3),
    units=2,
)
_convolution = functools.partial(
    _case,
    twin=keras.layers.Conv2D,
    multiply=functools.partial(tf.nn.conv2d, strides=2, padding="SAME"),
    input_shape=(2, 4, 4, 2),
    filters=2,
    kernel_size=3,
    strides=2,
    padding="same",
)

CASES = {
    "DenseReparameterization": _dense(
        dense.DenseReparameterization, shares_draw=True
    ),
    "DenseLocalReparameterization": _dense(
        dense.DenseLocalReparameterization, shares_draw=False
    ),
    "DenseFlipout": _dense(dense.DenseFlipout, shares_draw=False),
    "Convolution2DReparameterization": _convolution(
        conv.Convolution2DReparameterization, shares_draw=True
    ),
    "Convolution2DFlipout": _convolution(
        conv.Convolution2DFlipout, shares_draw=False
    ),
}

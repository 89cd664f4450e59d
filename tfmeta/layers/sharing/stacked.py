"""Weights of several layers in one variable."""

from collections.abc import Callable

import keras
import tensorflow as tf


def initialize_each(initializer: keras.Initializer) -> Callable:
    """Returns an initializer of `[layers, *shape]`, layer by layer.

    Each has the fans of its own shape and values of its own.

    Args:
        initializer: of one layer's weight, `[*shape]`.
    """

    def initialize(shape, dtype=None):
        # An initializer gives the same values at each call; its clones do not.
        return tf.stack(
            [initializer.clone()(shape[1:], dtype) for _ in range(shape[0])]
        )

    return initialize

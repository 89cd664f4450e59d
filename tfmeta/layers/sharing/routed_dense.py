"""A fully connected layer of which a router chooses one of several.

Rosenbaum, Klinger & Riemer, "Routing Networks: Adaptive Selection of Non-linear
Functions for Multi-Task Learning" (ICLR 2018).
"""

import keras
import tensorflow as tf

from tfmeta.layers import arguments


@keras.saving.register_keras_serializable("tfmeta")
class RoutedDense(keras.Layer):
    """A fully connected layer that is one of k function blocks.

    `call(inputs, decision)` takes inputs `[..., features]` and the number of a
    block, a scalar that a `Router` gives. Only this block is computed and has a
    gradient, in the form of `tf.IndexedSlices`.

    Args:
        units: number of outputs.
        blocks: number k of blocks.
        activation: activation of all blocks.
        kernel_initializer: initializer of each block's kernel.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if `units` or `blocks` is not positive.
    """

    def __init__(
        self,
        units: int,
        blocks: int,
        activation=None,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        arguments.check_positive_integers(units=units, blocks=blocks)
        self.units = units
        self.blocks = blocks
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, inputs_shape, decision_shape=None):
        """Makes kernels `[blocks, features, units]` and biases."""
        del decision_shape
        self.kernels = self.add_weight(
            name="kernels",
            shape=(self.blocks, inputs_shape[-1], self.units),
            initializer=self._initialize,
            # `call` casts the chosen block alone.
            autocast=False,
        )
        self.biases = self.add_weight(
            name="biases",
            shape=(self.blocks, self.units),
            initializer="zeros",
            autocast=False,
        )

    def call(self, inputs, decision):
        """Returns `activation(inputs kernel + bias)` of the block."""
        kernel = tf.gather(self.kernels.value, decision)
        bias = tf.gather(self.biases.value, decision)
        products = tf.tensordot(inputs, tf.cast(kernel, inputs.dtype), 1)
        return self.activation(products + tf.cast(bias, inputs.dtype))

    def compute_output_shape(self, inputs_shape, decision_shape=None):
        """Returns the shape of the outputs."""
        del decision_shape
        return (*inputs_shape[:-1], self.units)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "units": self.units,
            "blocks": self.blocks,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }

    def _initialize(self, shape, dtype):
        # Each block as a layer of its own: the fans are those of one block, and
        # clones, for an initializer gives the same values at each call.
        return tf.stack(
            [
                self.kernel_initializer.clone()(shape[1:], dtype)
                for _ in range(shape[0])
            ]
        )

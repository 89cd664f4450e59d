"""A chain of dense layers as a function of its weights, batched over tasks."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers.sharing import task_dense


class DenseChain:
    """Runs a chain of dense layers on weights given as tensors.

    Tasks are an axis of the data, and may be one of the weights: so the
    gradient by a task's copy of them is a batched product, and no loop over
    tasks is needed.

    Attributes:
        layers: the `Dense` and `TaskDense` layers, in order.

    Args:
        network: a built Keras model, a chain of such layers.

    Raises:
        InputError: if the network is another.
    """

    def __init__(self, network: keras.Model):
        self.layers = _dense_layers(network)

    def __call__(
        self, weights: Sequence[tf.Tensor], inputs: tf.Tensor
    ) -> tf.Tensor:
        """Runs the layers.

        Args:
            weights: kernel and bias of each layer, as the network has them,
                those of `Dense` layers as they are or with a leading axis of
                tasks.
            inputs: `[tasks, batch, inputs]`.

        Returns:
            `[tasks, batch, outputs]`.
        """
        rest = iter(weights)
        values = inputs
        for layer in self.layers:
            kernel = next(rest)
            # One kernel for all tasks is one product, not one for each.
            values = (
                tf.matmul(values, kernel)
                if len(kernel.shape) == 3
                else tf.tensordot(values, kernel, 1)
            )
            if layer.use_bias:
                bias = next(rest)
                values += bias[:, tf.newaxis] if len(bias.shape) == 2 else bias
            values = layer.activation(values)
        return values


def _dense_layers(network: keras.Model) -> list[keras.Layer]:
    layers = [
        layer
        for layer in network.layers
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    for layer in layers:
        if type(layer) not in (keras.layers.Dense, task_dense.TaskDense):
            raise errors.InputError(
                f"network={network.name!r} holds {layer.name!r}, a "
                f"{type(layer).__name__}: expected a chain of Dense layers, "
                "or TaskDense"
            )
    return layers

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
        equal_copies: whether a leading axis of tasks only keeps the gradients
            of tasks apart, and all have the same values. The products with
            them are then one, and only those for their gradients are batched.

    Raises:
        InputError: if the network is another.
    """

    def __init__(self, network: keras.Model, *, equal_copies: bool = False):
        self.layers = _dense_layers(network)
        self._equal_copies = equal_copies

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
            if len(kernel.shape) == 2:
                values = tf.tensordot(values, kernel, 1)
            elif self._equal_copies and type(layer) is keras.layers.Dense:
                values = _multiply_by_copies(values, kernel)
            else:
                values = tf.matmul(values, kernel)
            if layer.use_bias:
                bias = next(rest)
                values += bias[:, tf.newaxis] if len(bias.shape) == 2 else bias
            values = layer.activation(values)
        return values


@tf.custom_gradient
def _multiply_by_copies(values, kernels):
    """Returns `values @ kernels`, of which all are the same."""
    kernel = kernels[0]

    def differentiate(of_outputs):
        return (
            tf.tensordot(of_outputs, kernel, [[-1], [1]]),
            tf.matmul(values, of_outputs, transpose_a=True),
        )

    return tf.tensordot(values, kernel, 1), differentiate


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

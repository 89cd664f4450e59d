"""A Keras network in NumPy, for acting step by step.

A call of a compiled function costs 30 times what a small network does.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import dense_chain

_ACTIVATIONS: dict[Callable, Callable[[np.ndarray], np.ndarray]] = {
    keras.activations.linear: lambda values: values,
    keras.activations.relu: lambda values: np.maximum(values, 0),
    keras.activations.tanh: np.tanh,
    keras.activations.elu: lambda values: np.where(
        values > 0, values, np.expm1(np.minimum(values, 0))
    ),
}


class Mirror:
    """Computes what a chain of dense layers does, from copies of its weights.

    Args:
        network: a built Keras model, a chain of `Dense` layers with the
            activations linear, relu, tanh or elu. It equals the network to
            rounding.

    Raises:
        InputError: if the network is another.
    """

    def __init__(self, network: keras.Model):
        layers = dense_chain.DenseChain(network).layers
        for layer in layers:
            if layer.activation not in _ACTIVATIONS:
                raise errors.InputError(
                    f"network={network.name!r}: activation "
                    f"{keras.activations.serialize(layer.activation)!r} of "
                    f"{layer.name!r}: expected linear, relu, tanh or elu"
                )
        self._layers = layers
        self.refresh()

    def refresh(self) -> None:
        """Takes the weights that the network has now."""
        self.take(
            [
                # Without a copy: what is read does not change any more.
                np.asarray(tf.convert_to_tensor(weight.value))
                for layer in self._layers
                for weight in layer.weights
            ]
        )

    def take(self, weights: Sequence[np.ndarray]) -> None:
        """Takes other weights than the network's.

        Args:
            weights: kernel and bias of each layer, each as it is or with a
                leading axis of tasks, which inputs have then, too.
        """
        rest = iter(weights)
        self._weights = []
        for layer in self._layers:
            kernel = next(rest)
            bias = next(rest) if layer.use_bias else np.zeros((), np.float32)
            if bias.ndim == 2:
                bias = bias[:, np.newaxis]
            self._weights.append((kernel, bias, _ACTIVATIONS[layer.activation]))

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the network's outputs, `[..., batch, outputs]`.

        Args:
            inputs: `[..., batch, inputs]`.
        """
        values = np.asarray(inputs, np.float32)
        for kernel, bias, activation in self._weights:
            values = activation(values @ kernel + bias)
        return values

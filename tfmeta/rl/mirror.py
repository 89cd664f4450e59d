"""A Keras network in NumPy, for acting step by step.

A call of a compiled function costs 30 times what a small network does.
"""

from collections.abc import Callable

import keras
import numpy as np

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
        self._weights = [
            (
                layer.kernel.numpy(),
                layer.bias.numpy() if layer.use_bias else 0,
                _ACTIVATIONS[layer.activation],
            )
            for layer in self._layers
        ]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the network's outputs, `[batch, outputs]`.

        Args:
            inputs: `[batch, inputs]`.
        """
        values = np.asarray(inputs, np.float32)
        for kernel, bias, activation in self._weights:
            values = activation(values @ kernel + bias)
        return values

"""Networks that users bring to agents."""

import keras

from tfmeta import errors
from tfmeta.functional import dense_chain


def check_network(
    argument: str, network: keras.Model, *, inputs: int, outputs: int
) -> None:
    """Checks that an agent can have a network.

    Args:
        argument: that it was given as.
        network: it.
        inputs: numbers in.
        outputs: numbers out.

    Raises:
        InputError: if it is not a built chain of `Dense` layers, all of them
            trainable, between such sizes.
    """
    if not isinstance(network, keras.Model) or not network.built:
        raise errors.InputError(
            f"{argument}: expected a built Keras model, a chain of Dense "
            f"layers, got {network!r}"
        )
    layers = dense_chain.DenseChain(network).layers
    if not all(layer.trainable for layer in layers):
        raise errors.InputError(
            f"{argument}: {network.name!r} has layers that are not trainable: "
            "expected none"
        )
    shapes = network.input_shape, network.output_shape
    if shapes != ((None, inputs), (None, outputs)):
        raise errors.InputError(
            f"{argument}: {network.name!r} takes {shapes[0]} to {shapes[1]}, "
            f"expected {(None, inputs)} to {(None, outputs)}"
        )

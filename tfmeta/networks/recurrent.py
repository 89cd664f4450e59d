"""The networks of learners that read the support set with a recurrent cell."""

from typing import NamedTuple

import keras

from tfmeta import errors


class RecurrentNetworks(NamedTuple):
    """The networks that `tfmeta.learners.RecurrentLearner` takes.

    Attributes:
        encoder: x to its features.
        cell: what reads the features of x, and y.
        decoder: the cell's output to the prediction of y.
    """

    encoder: keras.Model
    cell: keras.Layer
    decoder: keras.Model


def recurrent_networks(
    encoder: keras.Model, cell: keras.Layer, output_size: int = 1
) -> RecurrentNetworks:
    """Builds a linear decoder behind an encoder and a recurrent cell.

    With `keras.layers.LSTMCell(units)` these are the networks of Hochreiter et
    al. (2001), with `tfmeta.layers.MemoryAugmentedCell(units)` those of Santoro
    et al. (2016). The decoder's layer is named `head`.

    Args:
        encoder: a built Keras model, x to features `[batch, features]`.
        cell: a Keras RNN cell.
        output_size: features of a prediction and of y (ways, for classes).

    Returns:
        The networks.

    Raises:
        InputError: if `cell` does not say the size of its output.
    """
    if not hasattr(cell, "output_size"):
        raise errors.InputError(
            "cell: expected a Keras RNN cell, with an output_size, got "
            f"{type(cell).__name__}"
        )
    outputs = keras.Input((cell.output_size,), name="cell_outputs")
    predictions = keras.layers.Dense(output_size, name="head")(outputs)
    return RecurrentNetworks(
        encoder, cell, keras.Model(outputs, predictions, name="decoder")
    )

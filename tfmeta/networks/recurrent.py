"""The networks of learners that read the support set with a recurrent cell."""

from typing import NamedTuple

import keras

from tfmeta import errors
from tfmeta.layers.recurrent import cells


class RecurrentNetworks(NamedTuple):
    """The networks that `tfmeta.learners.RecurrentLearner` takes.

    Attributes:
        encoder: maps x to its features.
        cell: reads the features of x, and y.
        decoder: maps the cell's output to the prediction of y.
    """

    encoder: keras.Model
    cell: keras.Layer
    decoder: keras.Model


def recurrent_networks(
    encoder: keras.Model, cell: keras.Layer, output_size: int = 1
) -> RecurrentNetworks:
    """Joins an encoder, a recurrent cell and a linear decoder.

    With `keras.layers.LSTMCell(units)` these are the networks of Hochreiter et
    al. (2001), with `tfmeta.layers.MemoryAugmentedCell(units)` those of Santoro
    et al. (2016). The decoder's layer is named `head`.

    Args:
        encoder: a built Keras model, from x to features `[batch, features]`.
        cell: a Keras RNN cell.
        output_size: features of a prediction and of y (ways, for classes).

    Returns:
        The networks.

    Raises:
        InputError: if `cell` has no `output_size`.
    """
    if not isinstance(cell, cells.RecurrentCell):
        raise errors.InputError(
            "cell: expected a Keras RNN cell, with an output_size, got "
            f"{type(cell).__name__}"
        )
    outputs = keras.Input((cell.output_size,), name="cell_outputs")
    predictions = keras.layers.Dense(output_size, name="head")(outputs)
    return RecurrentNetworks(
        encoder, cell, keras.Model(outputs, predictions, name="decoder")
    )

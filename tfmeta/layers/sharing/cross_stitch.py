"""Cross-stitch units: they mix the activations of several tasks."""

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments


def initial_mixture(size: int, own: float) -> np.ndarray:
    """Returns a matrix with `own` on its diagonal and rows that sum to 1."""
    mixture = np.full((size, size), (1 - own) / max(size - 1, 1))
    np.fill_diagonal(mixture, own)
    return mixture


def read_channels(layer: str, shapes: list[tuple[int | None, ...]]) -> int:
    """Returns the number of channels, which all activations have in common.

    Args:
        layer: the layer's name, for the error message.
        shapes: of the activations.

    Raises:
        InputError: if `shapes` is not a list of two or more equal shapes with a
            known number of channels.
    """
    if (
        not isinstance(shapes, list | tuple)
        or len(shapes) < 2
        or not all(isinstance(shape, list | tuple) for shape in shapes)
        or len({tuple(shape) for shape in shapes}) > 1
        or (channels := shapes[0][-1]) is None
    ):
        raise errors.InputError(
            f"inputs of {layer}: expected a list of two or more activations of "
            f"one shape, got {shapes}"
        )
    return channels


@keras.saving.register_keras_serializable("tfmeta")
class CrossStitch(keras.Layer):
    """Mixes the activations of T task networks (Misra et al. 2016, eq. 1).

    A list of T activations of one shape becomes a list of T mixtures, `x_i =
    sum_j alpha_ij x_j`. If alpha is the identity, the networks are independent;
    if all its entries are equal, they share everything.

    Args:
        own: initial weight of a task's own activation. The others have equal
            weights, and all weights sum to 1.
        per_channel: whether each channel has a matrix alpha of its own.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if `own` is not in [0, 1].
    """

    def __init__(self, own: float = 0.9, per_channel: bool = False, **kwargs):
        super().__init__(**kwargs)
        arguments.check_shares(own=own)
        self.own = own
        self.per_channel = per_channel

    def build(self, input_shape):
        """Makes `alpha`, `[T, T]` or `[T, T, channels]`.

        Raises:
            InputError: if there is only one input, or their shapes differ.
        """
        channels = read_channels(self.name, input_shape)
        tasks = len(input_shape)
        mixture = initial_mixture(tasks, self.own)
        if self.per_channel:
            mixture = np.repeat(mixture[..., None], channels, axis=-1)
        self.alpha = self.add_weight(
            name="alpha",
            shape=mixture.shape,
            initializer=lambda _, dtype: tf.constant(mixture, dtype),
        )

    def call(self, inputs):
        """Returns the list of mixtures."""
        equation = "ijc,j...c->i...c" if self.per_channel else "ij,j...->i..."
        return tf.unstack(tf.einsum(equation, self.alpha, tf.stack(inputs)))

    def compute_output_shape(self, input_shape):
        """Returns the shapes of the inputs."""
        return list(input_shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "own": self.own,
            "per_channel": self.per_channel,
        }

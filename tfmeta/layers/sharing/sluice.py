"""Sluice networks (Ruder et al. 2019, arXiv 1705.08142).

Their three parts: a mixture of the subspaces of all tasks' layers (alpha), a
mixture of the layers that a task's output reads (beta), and a penalty on
subspaces that overlap.
"""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments
from tfmeta.layers.sharing import cross_stitch


@keras.saving.register_keras_serializable("tfmeta")
class SluiceUnit(keras.Layer):
    """Mixes the subspaces of T tasks' activations by a matrix alpha.

    Each activation's channels are cut into S subspaces of equal size, and each
    subspace of each task becomes a mixture of all T S subspaces (the matrix
    equation of the paper's alpha parameters). With one subspace it is a
    cross-stitch unit; if alpha is the identity, outputs are the inputs.

    Args:
        subspaces: S.
        own: initial weight of a subspace itself. The others have equal weights,
            and all weights sum to 1.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if `subspaces` is not positive or `own` is not in [0, 1].
    """

    def __init__(self, subspaces: int = 2, own: float = 0.9, **kwargs):
        super().__init__(**kwargs)
        arguments.check_positive_integers(subspaces=subspaces)
        arguments.check_shares(own=own)
        self.subspaces = subspaces
        self.own = own

    def build(self, input_shape):
        """Makes `alpha`, `[T S, T S]`, the tasks' subspaces in order.

        Raises:
            InputError: if there is only one input, their shapes differ, or
                their channels cannot be cut.
        """
        channels = cross_stitch.read_channels(self.name, input_shape)
        _check_divides(self.subspaces, channels)
        mixture = cross_stitch.initial_mixture(
            len(input_shape) * self.subspaces, self.own
        )
        self.alpha = self.add_weight(
            name="alpha",
            shape=mixture.shape,
            initializer=lambda _, dtype: tf.constant(mixture, dtype),
        )

    def call(self, inputs):
        """Returns the list of mixtures."""
        tasks, spaces = len(inputs), self.subspaces
        stacked = tf.stack(inputs)
        shape = tf.shape(stacked)
        cut = tf.reshape(
            stacked,
            tf.concat([shape[:-1], [spaces, stacked.shape[-1] // spaces]], 0),
        )
        alpha = tf.reshape(self.alpha, (tasks, spaces, tasks, spaces))
        mixed = tf.einsum("isjr,j...rc->i...sc", alpha, cut)
        outputs = tf.unstack(tf.reshape(mixed, shape), tasks)
        for output, given in zip(outputs, inputs, strict=True):
            output.set_shape(given.shape)
        return outputs

    def compute_output_shape(self, input_shape):
        """Returns the shapes of the inputs."""
        return list(input_shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "subspaces": self.subspaces,
            "own": self.own,
        }


@keras.saving.register_keras_serializable("tfmeta")
class LayerMixture(keras.Layer):
    """Mixes the activations of one task's layers, for its output to read.

    A list of K activations of one shape, first layer first, becomes `sum_k
    beta_k h_k` (the paper's beta parameters, its skip connections).

    Args:
        last: initial weight of the last layer. The others have equal weights,
            and all weights sum to 1. If None, all are equal; if 1, the output
            reads the last layer alone at the start, as in a plain network.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if `last` is not in [0, 1].
    """

    def __init__(self, last: float | None = None, **kwargs):
        super().__init__(**kwargs)
        if last is not None:
            arguments.check_shares(last=last)
        self.last = last

    def build(self, input_shape):
        """Makes `beta`, `[K]`.

        Raises:
            InputError: if there is only one input, or their shapes differ.
        """
        cross_stitch.read_channels(self.name, input_shape)
        layers = len(input_shape)
        own = 1 / layers if self.last is None else self.last
        mixture = cross_stitch.initial_mixture(layers, own)[-1]
        self.beta = self.add_weight(
            name="beta",
            shape=mixture.shape,
            initializer=lambda _, dtype: tf.constant(mixture, dtype),
        )

    def call(self, inputs):
        """Returns the mixture."""
        return tf.einsum("k,k...->...", self.beta, tf.stack(inputs))

    def compute_output_shape(self, input_shape):
        """Returns the shape of one of the inputs."""
        return input_shape[0]

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {"last": self.last}


@keras.saving.register_keras_serializable("tfmeta")
class OrthogonalSubspaces(keras.Regularizer):
    """A penalty on subspaces of a layer that overlap.

    `weight * sum_{s<r} |G_s^T G_r|_F^2`, with G_s the columns of the kernel
    that make subspace s (the paper's constraint, after Bousmalis et al. 2016).
    Use it as `kernel_regularizer` of the layer before a `SluiceUnit`.

    Args:
        weight: of the penalty, not negative.
        subspaces: S, as in `SluiceUnit`.

    Raises:
        InputError: if `weight` is negative or `subspaces` is not positive.
    """

    def __init__(self, weight: float, subspaces: int = 2):
        arguments.check_not_negative(weight=weight)
        arguments.check_positive_integers(subspaces=subspaces)
        self.weight = weight
        self.subspaces = subspaces

    def __call__(self, x):
        """Returns the penalty of a kernel `[..., units]`.

        Raises:
            InputError: if the units cannot be cut into equal subspaces.
        """
        kernel = tf.reshape(x, (-1, x.shape[-1]))
        _check_divides(self.subspaces, kernel.shape[-1])
        parts = tf.split(kernel, self.subspaces, axis=-1)
        penalty = tf.zeros((), kernel.dtype)
        for index, part in enumerate(parts):
            for other in parts[:index]:
                overlap = tf.matmul(part, other, transpose_a=True)
                penalty += tf.reduce_sum(tf.square(overlap))
        return self.weight * penalty

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"weight": self.weight, "subspaces": self.subspaces}


def _check_divides(subspaces: int, channels: int) -> None:
    if channels % subspaces:
        raise errors.InputError(
            f"subspaces={subspaces}: expected a divisor of the {channels} "
            "channels"
        )

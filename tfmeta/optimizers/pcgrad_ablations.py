"""PCGrad's change of direction and its change of length, one at a time."""

import keras
import tensorflow as tf

from tfmeta.optimizers import pcgrad


@keras.saving.register_keras_serializable("tfmeta")
class PCGradDirection(pcgrad.PCGrad):
    """PCGrad's direction with the summed gradient's length.

    The ablation "only direction change" of Yu et al. (2020).
    Arguments as of `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns PCGrad's weights, rescaled."""
        return direction_weights(gramian, super().task_weights(gramian, seed))


@keras.saving.register_keras_serializable("tfmeta")
class PCGradMagnitude(pcgrad.PCGrad):
    """The summed gradient's direction with PCGrad's length.

    The ablation "only magnitude change" of Yu et al. (2020).
    Arguments as of `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns ones, rescaled."""
        return magnitude_weights(gramian, super().task_weights(gramian, seed))


def direction_weights(gramian: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Rescales weights to the length of the summed gradient.

    Args:
        gramian: `[tasks, tasks]`.
        weights: `[tasks]`.

    Returns:
        `[tasks]`; the weights as they came if their update is zero, which has
        no direction.
    """
    return weights * _ratio(gramian, tf.ones_like(weights), weights)


def magnitude_weights(gramian: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Rescales equal weights to the length of the given weights' update.

    Args:
        gramian: `[tasks, tasks]`.
        weights: `[tasks]`.

    Returns:
        `[tasks]`, all equal; ones if the sum of the gradients is zero.
    """
    ones = tf.ones_like(weights)
    return ones * _ratio(gramian, weights, ones)


def _ratio(gramian, one, other) -> tf.Tensor:
    """Returns the ratio of two updates' lengths, 1 if the second is zero."""
    one_square = tf.tensordot(one, tf.linalg.matvec(gramian, one), 1)
    other_square = tf.tensordot(other, tf.linalg.matvec(gramian, other), 1)
    positive = other_square > 0
    ratio = tf.maximum(one_square, 0) / tf.where(positive, other_square, 1)
    return tf.where(positive, tf.sqrt(ratio), 1)

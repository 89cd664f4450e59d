"""Aligned-MTL: gradients made orthogonal and equally long."""

import keras
import tensorflow as tf

from tfmeta.optimizers import nonnegative_quadratic, task_gradient_optimizer


@keras.saving.register_keras_serializable("tfmeta")
class AlignedMTL(task_gradient_optimizer.TaskGradientOptimizer):
    """Removes dominance and conflicts at once (Senushkin et al. 2023).

    The gradients are replaced by the nearest ones with condition number 1, all
    singular values the least of theirs, and added up: Algorithm 1 in
    "Independent Component Alignment for Multi-Task Learning". Arguments as of
    `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns `aligned_mtl_weights`."""
        del seed
        return aligned_mtl_weights(gramian)


def aligned_mtl_weights(gramian: tf.Tensor) -> tf.Tensor:
    """Computes the weights with which the aligned gradients are summed.

    They are `sqrt(l_R) V L^(-1/2) V^T 1` with G's eigenvectors V and its
    eigenvalues L above rounding noise, the least of which is `l_R`.

    Args:
        gramian: `[tasks, tasks]`.

    Returns:
        `[tasks]`; ones if all gradients are zero.
    """
    values, vectors = tf.linalg.eigh(tf.cast(gramian, tf.float64))
    rank = values > tf.reduce_max(values) * nonnegative_quadratic.noise_level(
        tf.shape(values)[0], gramian.dtype
    )
    least = tf.reduce_min(tf.where(rank, values, tf.reduce_max(values)))
    factors = tf.where(rank, tf.sqrt(least / tf.where(rank, values, 1)), 0)
    ones = tf.ones_like(values)
    weights = tf.linalg.matvec(
        vectors, factors * tf.linalg.matvec(vectors, ones, transpose_a=True)
    )
    return tf.cast(tf.where(tf.reduce_any(rank), weights, ones), gramian.dtype)

"""Projection to the probability simplex."""

import tensorflow as tf


def project_to_simplex(values: tf.Tensor, minimum: float = 0.0) -> tf.Tensor:
    """Projects rows to the nearest distributions (Duchi et al. 2008, fig. 1).

    Args:
        values: `[..., size]`.
        minimum: the least value of each probability, below `1 / size`.

    Returns:
        The nearest of all distributions with that minimum, in Euclidean
        distance; of the same shape.
    """
    size = values.shape[-1]
    shifted = values - minimum
    ordered = tf.sort(shifted, axis=-1, direction="DESCENDING")
    excess = tf.cumsum(ordered, axis=-1) - (1 - size * minimum)
    thresholds = excess / tf.range(1, size + 1, dtype=values.dtype)
    # How many entries of a row stay above the minimum; at least the largest.
    support = tf.reduce_sum(
        tf.cast(ordered > thresholds, tf.int32), -1, keepdims=True
    )
    last = tf.maximum(support, 1) - 1
    threshold = tf.gather(thresholds, last, axis=-1, batch_dims=last.ndim - 1)
    return tf.nn.relu(shifted - threshold) + minimum

"""The inner products of task gradients, which is all that surgery needs."""

from collections.abc import Sequence

import tensorflow as tf


def compute_gramian(task_gradients: Sequence) -> tf.Tensor:
    """Computes the Gramian `G = J J^T` of task gradients.

    Row i of J is the gradient of task i with respect to all variables, as one
    vector; J itself is never made.

    Args:
        task_gradients: for each variable, the gradients of all tasks `[tasks,
            *variable.shape]`.

    Returns:
        `[tasks, tasks]`, in float64 if a gradient is, else in float32.
    """
    dtype = (
        tf.float64
        if any(gradient.dtype == tf.float64 for gradient in task_gradients)
        else tf.float32
    )
    products = []
    for gradient in task_gradients:
        rows = tf.cast(_as_rows(gradient), dtype)
        products.append(tf.einsum("ip,jp->ij", rows, rows))
    return tf.add_n(products)


def combine(task_gradients: Sequence, weights: tf.Tensor) -> list[tf.Tensor]:
    """Sums task gradients with one weight per task: the product `w^T J`.

    Args:
        task_gradients: for each variable, the gradients of all tasks `[tasks,
            *variable.shape]`.
        weights: `[tasks]`.

    Returns:
        For each variable its gradient, in the dtype it came in.
    """
    combined = []
    for gradient in task_gradients:
        # Half precision would round the weights, and sums can overflow it.
        dtype = gradient.dtype if gradient.dtype.size >= 4 else tf.float32
        rows = tf.cast(_as_rows(gradient), dtype)
        product = tf.matmul(tf.cast(weights, dtype)[tf.newaxis], rows)
        combined.append(
            tf.cast(tf.reshape(product, tf.shape(gradient)[1:]), gradient.dtype)
        )
    return combined


def cosines(gramian: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits a Gramian into the gradients' cosines and their lengths.

    Args:
        gramian: `[tasks, tasks]`.

    Returns:
        The cosines `[tasks, tasks]` and the lengths `[tasks]`. A zero gradient
        is orthogonal to all others, and has cosine 1 with itself.
    """
    norms = tf.sqrt(tf.maximum(tf.linalg.diag_part(gramian), 0))
    inverse = tf.math.reciprocal_no_nan(norms)
    result = inverse[:, tf.newaxis] * gramian * inverse[tf.newaxis]
    return tf.linalg.set_diag(result, tf.ones_like(norms)), norms


def _as_rows(gradient: tf.Tensor) -> tf.Tensor:
    return tf.reshape(gradient, (tf.shape(gradient)[0], -1))

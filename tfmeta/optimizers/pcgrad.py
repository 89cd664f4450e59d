"""PCGrad: each gradient loses what conflicts with the others."""

import keras
import numpy as np
import tensorflow as tf

from tfmeta.optimizers import task_gradient_optimizer


@keras.saving.register_keras_serializable("tfmeta")
class PCGrad(task_gradient_optimizer.TaskGradientOptimizer):
    """Projects conflicting gradients (Yu et al. 2020, Algorithm 1).

    A task's gradient meets those of the other tasks, as they were at first, in
    a random order of its own. Where their inner product is negative, it is
    projected onto the normal plane of the other. The update is the sum of the
    projected gradients.

    ```diff
    - model.compile(keras.optimizers.Adam(1e-3), loss=losses)
    + model.compile(PCGrad(keras.optimizers.Adam(1e-3)), loss=losses)
    ```

    Arguments as of `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns `pcgrad_weights` for random orders."""
        return pcgrad_weights(gramian, random_orders(gramian, seed))


def pcgrad_weights(gramian: tf.Tensor, orders: tf.Tensor) -> tf.Tensor:
    """Computes the weights with which PCGrad sums the original gradients.

    A projected gradient is a combination `C_i J` of the original ones, and its
    inner products with them are `S_i = C_i G`. Subtracting a projection onto
    `g_j` adds `-S_ij / G_jj` to `C_ij`, so that whole gradients are not needed.
    All tasks go through their orders at the same time.

    Args:
        gramian: `[tasks, tasks]`.
        orders: `[tasks, tasks]` integers; row i holds all tasks in the order in
            which task i meets them. Meeting itself does nothing.

    Returns:
        `[tasks]`, each at least 1. Zero gradients project nothing.
    """
    # A static size where known: the loop's mask of one task has this shape.
    num_tasks = gramian.shape[0] or tf.shape(gramian)[0]
    squares = tf.linalg.diag_part(gramian)
    # The reciprocal of a subnormal number is infinite.
    inverse_squares = tf.where(
        squares >= np.finfo(gramian.dtype.as_numpy_dtype).tiny,
        1 / squares,
        tf.zeros_like(squares),
    )
    own = tf.eye(num_tasks, dtype=gramian.dtype)

    def meet(step, combination, products):
        others = orders[:, step]
        mask = tf.one_hot(others, num_tasks, dtype=gramian.dtype) * (1 - own)
        # Elementwise, since 0 * infinity of a matrix product would be NaN.
        conflict = tf.minimum(tf.reduce_sum(mask * products, -1), 0)
        added = -conflict * tf.gather(inverse_squares, others)
        return (
            step + 1,
            combination + added[:, tf.newaxis] * mask,
            products + added[:, tf.newaxis] * tf.gather(gramian, others),
        )

    _, combination, _ = tf.while_loop(
        lambda step, *_: step < num_tasks,
        meet,
        (tf.constant(0), own, gramian),
    )
    return tf.reduce_sum(combination, 0)


def random_orders(gramian: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws an order of all tasks for each task.

    Args:
        gramian: `[tasks, tasks]`, for its shape.
        seed: `[2]` integers; the same seed gives the same orders.

    Returns:
        `[tasks, tasks]` integers, each row a permutation.
    """
    keys = tf.random.stateless_uniform(tf.shape(gramian), seed)
    return tf.argsort(keys, axis=-1)

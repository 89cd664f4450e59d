"""A landscape of two tasks, and descents of it."""

import numpy as np
import tensorflow as tf

from tfmeta import optimizers

# Where the paper's descents start.
START = (0.5, -3.0)
_POINTS = 1000


def landscape(theta) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the two losses of appendix D, "2D Optimization Landscape".

    Args:
        theta: `[..., 2]`.

    Returns:
        Both losses, `[...]`.
    """
    theta = tf.convert_to_tensor(theta)
    first, second = tf.unstack(theta, axis=-1)

    def loss(scale, argument):
        return scale * tf.math.log(tf.maximum(tf.abs(argument), 5e-6))

    return (
        loss(20.0, 0.5 * first + tf.tanh(second)),
        loss(25.0, 0.5 * first - tf.tanh(second) + 2.0),
    )


def descend(
    optimizer: optimizers.TaskGradientOptimizer, steps: int
) -> np.ndarray:
    """Descends the landscape from the paper's start.

    Args:
        optimizer: what to descend with.
        steps: number of steps.

    Returns:
        The trajectory `[points, 2]`, at most 1000 points, evenly spaced.
    """
    theta = tf.Variable(START)
    optimizer.build([theta])

    # One compiled loop, for the steps are many and tiny.
    @tf.function(jit_compile=True)
    def advance(count):
        for _ in tf.range(count):
            with tf.GradientTape() as tape:
                losses = tf.stack(landscape(theta))
            optimizer.apply_task_gradients(
                [tape.jacobian(losses, theta, experimental_use_pfor=False)],
                [theta],
            )

    stride = -(-steps // _POINTS)
    trajectory = [theta.numpy()]
    for done in range(0, steps, stride):
        advance(tf.constant(min(stride, steps - done)))
        trajectory.append(theta.numpy())
    return np.stack(trajectory)

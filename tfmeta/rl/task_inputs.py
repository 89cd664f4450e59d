"""How the networks of an agent know which task it is."""

import numpy as np
import tensorflow as tf


def size(tasks: int) -> int:
    """Returns how many numbers say which task it is: none if there is one."""
    return tasks if tasks > 1 else 0


def append(observations: np.ndarray) -> np.ndarray:
    """Returns observations with each task's one-hot vector behind them.

    Args:
        observations: `[tasks, ..., observation_size]`.

    Returns:
        `[tasks, ..., observation_size + tasks]`; of one task the observations.
    """
    tasks = len(observations)
    if tasks == 1:
        return observations
    one_hot = np.eye(tasks, dtype=observations.dtype)
    between = (1,) * (observations.ndim - 2)
    return np.concatenate(
        [
            observations,
            np.broadcast_to(
                one_hot.reshape(tasks, *between, tasks),
                (*observations.shape[:-1], tasks),
            ),
        ],
        axis=-1,
    )


def append_tensor(observations: tf.Tensor) -> tf.Tensor:
    """Does the same in TensorFlow.

    Args:
        observations: `[tasks, batch, observation_size]`.
    """
    tasks, batch, _ = observations.shape
    if tasks == 1:
        return observations
    one_hot = tf.eye(tasks, dtype=observations.dtype)[:, tf.newaxis]
    return tf.concat(
        [observations, tf.broadcast_to(one_hot, (tasks, batch, tasks))], -1
    )

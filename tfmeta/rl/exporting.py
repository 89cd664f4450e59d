"""Policies as SavedModels, which act without this library."""

import os
from collections.abc import Callable

import keras
import tensorflow as tf

from tfmeta import saved_model
from tfmeta.rl import networks, normalization


def export_policy(
    path: str | os.PathLike,
    network: keras.Model,
    decide: Callable[[tf.Tensor], tf.Tensor],
    *,
    tasks: int = 1,
    normalizer: normalization.RunningNormalizer | None = None,
) -> None:
    """Writes a SavedModel that acts.

    `serving_default` takes `observation [batch, observation_size]`, float32,
    and returns `action [batch, action_size]`. With several tasks it also takes
    `task [batch]`, int32: the number of each observation's, from 0 on. It loads
    wherever TensorFlow is, without this library.

    Args:
        path: folder to write; it must not exist yet, or be empty.
        network: from observations to what `decide` takes, as `TaskNetwork` has
            it.
        decide: from the network's outputs `[batch, outputs]` to actions.
        tasks: number of tasks.
        normalizer: what observations go through first, with the statistics that
            it has now; None for nothing.

    Raises:
        InputError: if `path` holds something.
    """
    tells_tasks = networks.tells_tasks(network, tasks)
    size = network.input_shape[-1] - (tasks if tells_tasks else 0)

    def normalized(observation):
        return normalizer.apply(observation) if normalizer else observation

    def act(observation):
        return {"action": decide(network(normalized(observation)))}

    def act_in_task(observation, task):
        seen = normalized(observation)
        in_range = tf.debugging.Assert(
            tf.reduce_all((task >= 0) & (task < tasks)),
            [f"task: expected numbers from 0 to {tasks - 1}, got", task],
        )
        with tf.control_dependencies([in_range]):
            task = tf.identity(task)
        if tells_tasks:
            seen = tf.concat([seen, tf.one_hot(task, tasks)], -1)
        if len(network.input_shape) == 2:
            return {"action": decide(network(seen))}
        # What every task's weights say, of which one is taken.
        outputs = network(tf.repeat(seen[:, tf.newaxis], tasks, 1))
        return {"action": decide(tf.gather(outputs, task, batch_dims=1))}

    observation = tf.TensorSpec((None, size), tf.float32)
    task = tf.TensorSpec((None,), tf.int32)
    saved_model.write(
        path,
        act if tasks == 1 else act_in_task,
        [observation] if tasks == 1 else [observation, task],
        network.variables,
    )

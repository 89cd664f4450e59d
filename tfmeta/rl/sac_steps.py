"""What an update of soft actor-critic is made of, whatever networks see.

In `SAC` they see observations, in `PEARL` observations and what is known of the
task: that is `seen`, `[tasks, batch, ...]`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.gradients import batched
from tfmeta.optimizers import descent
from tfmeta.rl import networks, policies, replay, sac_losses


def variables(of: Sequence[networks.TaskNetwork]) -> list[keras.Variable]:
    """Returns the variables of networks, one network after the other."""
    return [variable for network in of for variable in network.variables]


def values(of: Sequence[networks.TaskNetwork]) -> list[tf.Tensor]:
    """Returns the values that these variables have now."""
    return list(map(tf.convert_to_tensor, variables(of)))


def judge(
    critics: Sequence[networks.TaskNetwork],
    weights: Sequence[tf.Tensor],
    seen: tf.Tensor,
    actions: tf.Tensor,
) -> tf.Tensor:
    """Returns what critics say, `[tasks, batch, critics]`.

    Args:
        critics: one or more.
        weights: of the first, then of the second, and so on.
        seen: `[tasks, batch, ...]`.
        actions: `[tasks, batch, actions]`.
    """
    rest = iter(weights)
    inputs = tf.concat([seen, actions], -1)
    return tf.concat(
        [
            critic([next(rest) for _ in critic.variables], inputs)
            for critic in critics
        ],
        -1,
    )


def targets(
    actor: networks.TaskNetwork,
    target_critics: Sequence[networks.TaskNetwork],
    transitions: replay.Transitions,
    next_seen: tf.Tensor,
    *,
    noise: tf.Tensor,
    temperature: tf.Tensor,
    discount: float,
) -> tf.Tensor:
    """Returns what the critics are to say, `[tasks, batch]`.

    Args:
        actor: with its weights as they are.
        target_critics: likewise.
        transitions: `[tasks, batch, ...]`.
        next_seen: after them.
        noise: of the next actions, `[tasks, batch, actions]`.
        temperature: see `sac_losses.targets`.
        discount: gamma.
    """
    actions, log_densities = policies.SquashedNormal.of(
        actor(actor.values(), next_seen)
    ).draw(noise)
    return sac_losses.targets(
        transitions.reward,
        transitions.terminated,
        judge(target_critics, values(target_critics), next_seen, actions),
        log_densities,
        temperature=temperature,
        discount=discount,
    )


def actor_losses(
    actor: networks.TaskNetwork,
    critics: Sequence[networks.TaskNetwork],
    seen: tf.Tensor,
    *,
    noise: tf.Tensor,
    temperature: tf.Tensor,
) -> Callable[[list[tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]:
    """Returns the actor's losses and entropies, `[tasks]`, given its weights.

    Args:
        actor: what acts.
        critics: with their weights as they are.
        seen: `[tasks, batch, ...]`.
        noise: of the actions, `[tasks, batch, actions]`.
        temperature: alpha of each task, `[tasks]`.
    """

    def losses(weights):
        actions, log_densities = policies.SquashedNormal.of(
            actor(weights, seen)
        ).draw(noise)
        return sac_losses.actor_loss(
            judge(critics, values(critics), seen, actions),
            log_densities,
            temperature=temperature,
        ), -tf.reduce_mean(log_densities, -1)

    return losses


def descend(
    how: descent.Descent,
    losses: batched.Losses,
    changed: Sequence[networks.TaskNetwork],
    tasks: int,
) -> batched.BatchedPass:
    """Makes a step of some networks, and returns the pass that it came from.

    Args:
        how: see `optimizers.descend`.
        losses: of the values of their variables.
        changed: the networks.
        tasks: number of tasks.
    """
    made = batched.BatchedPass(
        losses,
        variables(changed),
        tasks,
        by_task=how.makes_task_gradients,
        own=[variable for network in changed for variable in network.own],
    )
    descent.descend(made, how)
    return made


def follow(
    target_critics: Sequence[networks.TaskNetwork],
    critics: Sequence[networks.TaskNetwork],
    rate: float,
) -> None:
    """Moves target critics to the critics by `rate`, tau."""
    for target, source in zip(
        variables(target_critics), variables(critics), strict=True
    ):
        target.assign_add(rate * (source - target))


def change_temperature(
    optimizer: keras.optimizers.Optimizer,
    log_temperature: keras.Variable,
    entropy: Any,
    *,
    target: float,
) -> None:
    """Makes a step of temperatures.

    Args:
        optimizer: of Keras.
        log_temperature: `[...]`.
        entropy: of the policy, `[...]`.
        target: the entropy wanted, in nats.
    """
    with tf.GradientTape() as tape:
        losses = sac_losses.temperature_loss(
            tf.convert_to_tensor(log_temperature), entropy, target=target
        )
    # Of their sum, for each has its own.
    gradient = tape.gradient(losses, log_temperature.value)
    optimizer.apply([gradient], [log_temperature])

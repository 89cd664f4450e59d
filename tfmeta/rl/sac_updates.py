"""The update of soft actor-critic, for several tasks at once."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.gradients import batched
from tfmeta.optimizers import descent
from tfmeta.rl import networks, policies, replay, sac_losses


class SACNetworks:
    """What soft actor-critic learns.

    Attributes:
        actor: from observations to what `policies.SquashedNormal` reads.
        critics: two, from observations and actions to a value.
        target_critics: these as they were.
        log_temperatures: log alpha of each task, `[tasks]`.
        updates: how many were made.

    Args:
        actor: see above.
        critics: see above.
        tasks: number of tasks.
        sizes: of an observation, of an action.
        temperature: alpha at first.

    Raises:
        InputError: if a network is another.
    """

    def __init__(
        self,
        actor: keras.Model,
        critics: Sequence[keras.Model],
        *,
        tasks: int,
        sizes: tuple[int, int],
        temperature: float,
    ):
        if len(critics) != 2 or critics[0] is critics[1]:
            raise errors.InputError(
                f"critics: expected two networks, got {len(set(critics))}"
            )
        observation_size, action_size = sizes

        def critic(network):
            return networks.TaskNetwork(
                "critics",
                network,
                inputs=observation_size + action_size,
                outputs=1,
                tasks=tasks,
            )

        self.actor = networks.TaskNetwork(
            "actor",
            actor,
            inputs=observation_size,
            outputs=2 * action_size,
            tasks=tasks,
        )
        self.critics = list(map(critic, critics))
        self.target_critics = list(
            map(critic, map(keras.models.clone_model, critics))
        )
        for target, source in zip(
            self.target_critics, self.critics, strict=True
        ):
            target.network.set_weights(source.network.get_weights())
        self.log_temperatures = keras.Variable(
            np.full(tasks, np.log(temperature)),
            dtype="float32",
            name="log_temperatures",
        )
        self.updates = keras.Variable(
            0, dtype="int64", trainable=False, name="updates"
        )

    @property
    def of_critics(self) -> list[keras.Variable]:
        """The variables of both critics."""
        return _variables(self.critics)

    @property
    def variables(self) -> list[keras.Variable]:
        """All of them."""
        return [
            *self.actor.variables,
            *_variables([*self.critics, *self.target_critics]),
            self.log_temperatures,
            self.updates,
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class SACUpdates:
    """Makes updates, as a function that can be compiled.

    Attributes:
        learned: what it changes.
        actor_descent: how the actor's steps are made.
        critic_descent: how the critics' are.
        temperature_optimizer: an optimizer of Keras.
        tasks: number of tasks.
        sizes: of an observation, of an action.
        discount: gamma.
        target_rate: tau.
        target_entropy: in nats.
        reward_scale: what rewards are multiplied by.
        seed: fixes, with the number of the update, the noise of actions.
    """

    learned: SACNetworks
    actor_descent: descent.Descent
    critic_descent: descent.Descent
    temperature_optimizer: keras.optimizers.Optimizer
    tasks: int
    sizes: tuple[int, int]
    discount: float
    target_rate: float
    target_entropy: float
    reward_scale: float
    seed: int

    def __call__(
        self, rows: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        """Makes updates, one after the other.

        Args:
            rows: `[updates, tasks, batch, row]`, see `replay.as_rows`.

        Returns:
            Means over the updates, `[tasks]` each, and the actor's weights:
            to read them later would take another while.
        """
        count = rows.shape[0]

        def one(number, reports):
            report = self._update(
                replay.as_transitions(rows[number], *self.sizes)
            )
            return number + 1, {
                name: reports[name] + value / count
                for name, value in report.items()
            }

        zeros = {
            name: tf.zeros(self.tasks)
            for name in ("critic_loss", "actor_loss", "entropy", "temperature")
        }
        _, report = tf.while_loop(
            lambda number, _: number < count, one, (tf.constant(0), zeros)
        )
        return report, self.learned.actor.values()

    def _update(self, transitions: replay.Transitions) -> dict[str, tf.Tensor]:
        learned = self.learned
        transitions = transitions._replace(
            reward=self.reward_scale * transitions.reward
        )
        noise = tf.random.stateless_normal(
            (2, *transitions.action.shape),
            tf.stack([self.seed, tf.convert_to_tensor(learned.updates)]),
        )
        temperatures = tf.exp(tf.convert_to_tensor(learned.log_temperatures))
        seen = transitions.observation
        wanted = self._wanted(transitions, noise[0], temperatures)

        def critic_losses(weights):
            inputs = tf.concat([seen, transitions.action], -1)
            values = _values(learned.critics, weights, inputs)
            return sac_losses.critic_loss(values, wanted), ()

        def actor_losses(weights):
            actions, log_densities = policies.SquashedNormal.of(
                learned.actor(weights, seen)
            ).draw(noise[1])
            values = _values(
                learned.critics,
                list(map(tf.convert_to_tensor, learned.of_critics)),
                tf.concat([seen, actions], -1),
            )
            return sac_losses.actor_loss(
                values, log_densities, temperature=temperatures
            ), -tf.reduce_mean(log_densities, -1)

        of_critics = self._descend(
            self.critic_descent, critic_losses, learned.critics
        )
        of_actor = self._descend(
            self.actor_descent, actor_losses, [learned.actor]
        )
        self._change_temperatures(of_actor.outputs)
        for target, source in zip(
            _variables(learned.target_critics), learned.of_critics, strict=True
        ):
            target.assign_add(self.target_rate * (source - target))
        learned.updates.assign_add(1)
        return {
            "critic_loss": of_critics.losses,
            "actor_loss": of_actor.losses,
            "entropy": of_actor.outputs,
            "temperature": temperatures,
        }

    def _descend(self, how, losses, changed) -> batched.BatchedPass:
        tasks = batched.BatchedPass(
            losses,
            _variables(changed),
            self.tasks,
            by_task=how.makes_task_gradients,
            own=[variable for network in changed for variable in network.own],
        )
        descent.descend(tasks, how)
        return tasks

    def _wanted(self, transitions, noise, temperatures) -> tf.Tensor:
        """Returns what the critics are to say, `[tasks, batch]`."""
        learned = self.learned
        seen = transitions.next_observation
        actions, log_densities = policies.SquashedNormal.of(
            learned.actor(learned.actor.values(), seen)
        ).draw(noise)
        weights = map(tf.convert_to_tensor, _variables(learned.target_critics))
        return sac_losses.targets(
            transitions.reward,
            transitions.terminated,
            _values(
                learned.target_critics,
                list(weights),
                tf.concat([seen, actions], -1),
            ),
            log_densities,
            temperature=temperatures[:, tf.newaxis],
            discount=self.discount,
        )

    def _change_temperatures(self, entropies: tf.Tensor) -> None:
        of_tasks = self.learned.log_temperatures
        with tf.GradientTape() as tape:
            losses = sac_losses.temperature_loss(
                tf.convert_to_tensor(of_tasks),
                entropies,
                target=self.target_entropy,
            )
        # Of their sum, for each task has its own.
        gradient = tape.gradient(losses, of_tasks.value)
        self.temperature_optimizer.apply([gradient], [of_tasks])


def _variables(of: Sequence[networks.TaskNetwork]) -> list[keras.Variable]:
    return [variable for network in of for variable in network.variables]


def _values(
    critics: Sequence[networks.TaskNetwork],
    weights: Sequence[tf.Tensor],
    inputs: tf.Tensor,
) -> tf.Tensor:
    """Returns what critics say, `[tasks, batch, critics]`.

    Args:
        critics: one or more.
        weights: of the first, then of the second, and so on.
        inputs: observations and actions, `[tasks, batch, inputs]`.
    """
    rest = iter(weights)
    return tf.concat(
        [
            critic([next(rest) for _ in critic.variables], inputs)
            for critic in critics
        ],
        -1,
    )

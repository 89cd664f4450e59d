"""The update of soft actor-critic, for several tasks at once."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.optimizers import descent
from tfmeta.rl import networks, replay, sac_losses, sac_steps


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
        return sac_steps.variables(self.critics)

    @property
    def variables(self) -> list[keras.Variable]:
        """All of them."""
        return [
            *self.actor.variables,
            *sac_steps.variables([*self.critics, *self.target_critics]),
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
        wanted = sac_steps.targets(
            learned.actor,
            learned.target_critics,
            transitions,
            transitions.next_observation,
            noise=noise[0],
            temperature=temperatures[:, tf.newaxis],
            discount=self.discount,
        )

        def critic_losses(weights):
            said = sac_steps.judge(
                learned.critics, weights, seen, transitions.action
            )
            return sac_losses.critic_loss(said, wanted), ()

        of_critics = sac_steps.descend(
            self.critic_descent, critic_losses, learned.critics, self.tasks
        )
        of_actor = sac_steps.descend(
            self.actor_descent,
            sac_steps.actor_losses(
                learned.actor,
                learned.critics,
                seen,
                noise=noise[1],
                temperature=temperatures,
            ),
            [learned.actor],
            self.tasks,
        )
        sac_steps.change_temperature(
            self.temperature_optimizer,
            learned.log_temperatures,
            of_actor.outputs,
            target=self.target_entropy,
        )
        sac_steps.follow(
            learned.target_critics, learned.critics, self.target_rate
        )
        learned.updates.assign_add(1)
        return {
            "critic_loss": of_critics.losses,
            "actor_loss": of_actor.losses,
            "entropy": of_actor.outputs,
            "temperature": temperatures,
        }

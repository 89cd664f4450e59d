"""The update of PEARL: that of soft actor-critic, and of an encoder."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.optimizers import descent
from tfmeta.rl import latent_tasks, networks, replay, sac_losses, sac_steps

REPORTED = ("critic_loss", "divergence", "actor_loss", "entropy")
"""The names of what an update reports."""


@dataclasses.dataclass(frozen=True, eq=False)
class PEARLNetworks:
    """What PEARL learns.

    Attributes:
        encoder: from rows of a context to what `latent_tasks.posterior` reads.
        actor: from observations and z to what `policies.SquashedNormal` reads.
        critics: two, from observations, z and actions to a value.
        target_critics: these as they were.
        log_temperature: log alpha, a scalar.
        updates: how many were made.
    """

    encoder: networks.TaskNetwork
    actor: networks.TaskNetwork
    critics: Sequence[networks.TaskNetwork]
    target_critics: Sequence[networks.TaskNetwork]
    log_temperature: keras.Variable
    updates: keras.Variable

    @property
    def judging(self) -> list[networks.TaskNetwork]:
        """What learns by the critics' loss."""
        return [*self.critics, self.encoder]

    @property
    def variables(self) -> list[keras.Variable]:
        """All of them."""
        return [
            *sac_steps.variables(
                [
                    self.encoder,
                    self.actor,
                    *self.critics,
                    *self.target_critics,
                ]
            ),
            self.log_temperature,
            self.updates,
        ]

    def known(
        self, of_encoder: Sequence[tf.Tensor], rows: Any, present: Any
    ) -> Any:
        """Returns what is known of tasks, see `latent_tasks.posterior`.

        Args:
            of_encoder: the encoder's weights.
            rows: of contexts, `[tasks, rows, inputs]`.
            present: 1 for rows that are there, else 0, `[tasks, rows]`.
        """
        return latent_tasks.posterior(self.encoder(of_encoder, rows), present)


@dataclasses.dataclass(frozen=True, eq=False)
class PEARLUpdates:
    """Makes updates, as a function that can be compiled.

    Attributes:
        learned: what it changes.
        actor_descent: how the actor's steps are made.
        critic_descent: how those of critics and encoder are.
        temperature_optimizer: an optimizer of Keras.
        latent_size: numbers in z.
        discount: gamma.
        target_rate: tau.
        target_entropy: in nats.
        reward_scale: what rewards are multiplied by.
        divergence_weight: the price of a nat that the encoder tells.
        seed: fixes, with the number of the update, the noise.
    """

    learned: PEARLNetworks
    actor_descent: descent.Descent
    critic_descent: descent.Descent
    temperature_optimizer: keras.optimizers.Optimizer
    latent_size: int
    discount: float
    target_rate: float
    target_entropy: float
    reward_scale: float
    divergence_weight: float
    seed: int

    def __call__(
        self, batches: replay.Transitions, rows: tf.Tensor, present: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        """Makes updates, one after the other.

        Args:
            batches: transitions, `[updates, tasks, batch, ...]`.
            rows: of contexts, `[updates, tasks, rows, inputs]`.
            present: 1 for rows that are there, else 0, `[updates, tasks,
                rows]`.

        Returns:
            Means over updates and tasks of what is `REPORTED`, and the actor's
            weights: to read them later would take another while.
        """
        count = batches.reward.shape[0]

        def one(number, reports):
            report = self._update(
                replay.Transitions(*[part[number] for part in batches]),
                rows[number],
                present[number],
            )
            return number + 1, {
                name: reports[name] + tf.reduce_mean(report[name]) / count
                for name in REPORTED
            }

        _, report = tf.while_loop(
            lambda number, _: number < count,
            one,
            (tf.constant(0), dict.fromkeys(REPORTED, tf.zeros(()))),
        )
        return report, self.learned.actor.values()

    def _update(
        self, taken: replay.Transitions, rows: tf.Tensor, present: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        learned = self.learned
        taken = taken._replace(reward=self.reward_scale * taken.reward)
        tasks = taken.reward.shape[0]
        seed = tf.stack([self.seed, tf.convert_to_tensor(learned.updates)])
        of_latent = tf.random.stateless_normal((tasks, self.latent_size), seed)
        noise = tf.random.stateless_normal(
            (2, *taken.action.shape), seed + tf.constant([1, 0], tf.int64)
        )
        temperature = tf.exp(tf.convert_to_tensor(learned.log_temperature))

        def draw(of_encoder):
            known = learned.known(of_encoder, rows, present)
            return known.mean() + known.stddev() * of_latent, known

        # A number to all but the critics' loss.
        latent = tf.stop_gradient(draw(learned.encoder.values())[0])
        wanted = sac_steps.targets(
            learned.actor,
            learned.target_critics,
            taken,
            _seen(taken.next_observation, latent),
            noise=noise[0],
            temperature=temperature,
            discount=self.discount,
        )
        of_critics = len(sac_steps.variables(learned.critics))

        def critic_losses(weights):
            drawn, known = draw(weights[of_critics:])
            losses = sac_losses.critic_loss(
                sac_steps.judge(
                    learned.critics,
                    weights[:of_critics],
                    _seen(taken.observation, drawn),
                    taken.action,
                ),
                wanted,
            )
            divergences = latent_tasks.divergence(known)
            return losses + self.divergence_weight * divergences, (
                losses,
                divergences,
            )

        of_critic = sac_steps.descend(
            self.critic_descent, critic_losses, learned.judging, tasks
        )
        of_actor = sac_steps.descend(
            self.actor_descent,
            sac_steps.actor_losses(
                learned.actor,
                learned.critics,
                _seen(taken.observation, latent),
                noise=noise[1],
                temperature=tf.fill((tasks,), temperature),
            ),
            [learned.actor],
            tasks,
        )
        sac_steps.change_temperature(
            self.temperature_optimizer,
            learned.log_temperature,
            tf.reduce_mean(of_actor.outputs),
            target=self.target_entropy,
        )
        sac_steps.follow(
            learned.target_critics, learned.critics, self.target_rate
        )
        learned.updates.assign_add(1)
        losses, divergences = of_critic.outputs
        return {
            "critic_loss": losses,
            "divergence": divergences,
            "actor_loss": of_actor.losses,
            "entropy": of_actor.outputs,
        }


def _seen(observations: tf.Tensor, latent: tf.Tensor) -> tf.Tensor:
    """Returns observations with their task's z behind each."""
    tasks, rows = observations.shape[:2]
    return tf.concat(
        [
            observations,
            tf.broadcast_to(
                latent[:, tf.newaxis], (tasks, rows, latent.shape[-1])
            ),
        ],
        -1,
    )

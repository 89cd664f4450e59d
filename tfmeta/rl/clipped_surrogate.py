"""The step of proximal policy optimization."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.gradients import batched
from tfmeta.layers import arguments
from tfmeta.optimizers import descent
from tfmeta.rl import minibatches as minibatches_lib
from tfmeta.rl import policy_losses, policy_steps, run_checkpoints


class ClippedSurrogate:
    """Steps of an optimizer on a loss that does not pay for going far: PPO.

    A `PolicyStep` (Schulman et al. 2017, equations 7 and 9). Each minibatch has
    rows of all tasks, whose losses are averaged. A row is a step, or a sequence
    of steps, as of a policy that remembers. An optimizer of task
    gradients, such as `PCGrad(Adam(3e-4))`, combines one gradient for each
    task.

    Attributes:
        passes: how it passes through a batch.
        settings: see `PolicyStep`.

    Args:
        optimizer: of Keras, or of task gradients. Default: Adam at 3e-4.
        clip: how far from 1 the ratio of densities can pay.
        entropy_weight: weight of the policy's mean entropy, which is to grow.
        epochs: how often a batch is passed through.
        minibatches: into how many parts it is split each time.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer | None = None,
        *,
        clip: float = 0.2,
        entropy_weight: float = 0.0,
        epochs: int = 10,
        minibatches: int = 32,
    ):
        arguments.check_positive(clip=clip)
        arguments.check_not_negative(entropy_weight=entropy_weight)
        self._optimizer = optimizer or keras.optimizers.Adam(3e-4)
        self._descent = descent.Descent(self._optimizer)
        self._clip = clip
        self._entropy_weight = entropy_weight
        self.settings = {
            "clip": clip,
            "entropy_weight": entropy_weight,
            "epochs": epochs,
            "minibatches": minibatches,
            "optimizer": run_checkpoints.optimizer_settings(self._optimizer),
        }
        self.passes = minibatches_lib.Passes(epochs, minibatches)

    @property
    def optimizer(self) -> Any:
        """See `PolicyStep`."""
        return self._optimizer

    def prepare(self, variables: Sequence[keras.Variable], tasks: int) -> None:
        """See `PolicyStep`."""
        self._descent.prepare(variables, tasks)

    def improve(
        self,
        distributions: policy_steps.Distributions,
        variables: Sequence[keras.Variable],
        batch: policy_losses.PolicyBatch,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """See `PolicyStep`."""
        old = distributions(
            list(map(tf.convert_to_tensor, variables)), batch.observation
        ).log_density(batch.action)

        def step(rows):
            part, old_log_densities = rows

            def losses(weights):
                now = distributions(weights, part.observation)
                entropies = tf.reduce_mean(_by_task(now.entropy()), -1)
                log_densities = now.log_density(part.action)
                surrogates = policy_losses.clipped_loss(
                    _by_task(log_densities),
                    _by_task(old_log_densities),
                    _by_task(part.advantage),
                    clip=self._clip,
                )
                divergences = tf.reduce_mean(
                    _by_task(old_log_densities - log_densities), -1
                )
                return surrogates - self._entropy_weight * entropies, (
                    surrogates,
                    entropies,
                    divergences,
                )

            tasks = batched.BatchedPass(
                losses,
                variables,
                part.advantage.shape[0],
                by_task=self._descent.makes_task_gradients,
            )
            descent.descend(tasks, self._descent)
            return tasks.outputs

        surrogates, entropies, divergences = self.passes.run(
            step, (batch, tf.stop_gradient(old)), seed
        )
        return {
            "surrogate": tf.reduce_mean(surrogates),
            "entropy": tf.reduce_mean(entropies),
            "divergence": tf.reduce_mean(divergences),
        }


def _by_task(values: tf.Tensor) -> tf.Tensor:
    """Returns `[tasks, rows, ...]` as `[tasks, steps]`."""
    return tf.reshape(values, (values.shape[0], -1))

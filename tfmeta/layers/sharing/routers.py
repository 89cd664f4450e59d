"""Routing networks: agents that choose each task's layers.

Rosenbaum, Klinger & Riemer, "Routing Networks: Adaptive Selection of Non-linear
Functions for Multi-Task Learning" (ICLR 2018): at each of a few depths a router
chooses one of k function blocks, which the inputs then pass through. Blocks
(`routed_dense`) learn by gradients, and the router by reinforcement.
"""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments
from tfmeta.layers.sharing import simplex


@keras.saving.register_keras_serializable("tfmeta")
class Router(keras.Layer):
    """One agent a task, which chooses a function block at each depth.

    An agent's policy is a table, `[depth, blocks]`, each row a distribution
    (section 3.1.2, multiple agents with tabular policies). In training its
    decisions are drawn from it; at inference they are the likeliest. A batch is
    of one task, and a call decides once for the whole batch, so that only the
    chosen blocks are computed. (The paper decides for each example.)

    The policies learn by `update_policies`, the weighted policy learner
    (algorithm 3, after Abdallah & Lesser 2006), not by gradients. A train step
    does

        logits = network(images, training=True)
        ...
        router.update_policies(task, router.last_decisions(task), rewards)

    with the reward 1 for an example that is classified rightly and -1 for
    another, or with its log-likelihood (section 3.1.1).
    `tfmeta.multitask.MultiTaskModel` does the latter by itself, with minus the
    task's loss, see `learn_from_losses`.

    Args:
        tasks: the tasks' names.
        depth: number of decisions.
        blocks: number k of function blocks at each depth.
        learning_rate: of the policies.
        collaboration: rho in [0, 1], the reward for a block that the agents
            choose with probability 1, so that few blocks are used.
        average_rate: share of the newest return in the running average that
            returns are compared with, in (0, 1].
        min_probability: the least probability of a block, so that each is tried
            from time to time (epsilon of Abdallah & Lesser); below 1 / blocks.
        seed: integer seed of the draws; a random one if None.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        depth: int,
        blocks: int,
        learning_rate: float = 0.05,
        collaboration: float = 0.0,
        average_rate: float = 0.1,
        min_probability: float = 1e-3,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.tasks = arguments.check_task_names(tasks)
        arguments.check_positive_integers(depth=depth, blocks=blocks)
        arguments.check_positive(
            learning_rate=learning_rate, average_rate=average_rate
        )
        arguments.check_shares(
            collaboration=collaboration, average_rate=average_rate
        )
        if not 0 <= min_probability * blocks < 1:
            raise errors.InputError(
                f"min_probability={min_probability}: expected a number in "
                "[0, 1 / blocks)"
            )
        self.depth = depth
        self.blocks = blocks
        self.learning_rate = learning_rate
        self.collaboration = collaboration
        self.average_rate = average_rate
        self.min_probability = min_probability
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Makes the policies, the average returns and the last decisions."""
        del input_shape  # A table does not depend on what is routed.
        tasks = len(self.tasks)
        self.policies = self.add_weight(
            name="policies",
            shape=(tasks, self.depth, self.blocks),
            initializer=keras.initializers.Constant(1 / self.blocks),
            dtype="float32",
            trainable=False,
            autocast=False,
        )
        self.average_returns = self.add_weight(
            name="average_returns",
            shape=(tasks, self.depth),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
        )
        self.decisions = self.add_weight(
            name="decisions",
            shape=(tasks, self.depth),
            initializer="zeros",
            dtype="int32",
            trainable=False,
        )

    def call(self, inputs, task: str, training=False):
        """Decides for a batch of one task.

        Args:
            inputs: what is routed; a table's decisions do not depend on it.
            task: its name.
            training: whether to draw the decisions, and to remember them.

        Returns:
            A list of `depth` scalars, each the number of a block.

        Raises:
            InputError: if the task is unknown.
        """
        del inputs
        index = self._index(task)
        policy = self.policies.value[index]
        if not training:
            return tf.unstack(tf.argmax(policy, axis=-1, output_type=tf.int32))
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        uniform = tf.random.stateless_uniform((self.depth, 1), seed)
        below = tf.cast(tf.cumsum(policy, axis=-1) <= uniform, tf.int32)
        # A policy's sum may fall short of 1 by rounding.
        decisions = tf.minimum(tf.reduce_sum(below, -1), self.blocks - 1)
        self.decisions.assign(_replace(self.decisions.value, index, decisions))
        return tf.unstack(decisions)

    def compute_output_spec(self, inputs, task: str, training=False):
        """Returns the specification of the decisions."""
        del inputs, training
        self._index(task)
        return [keras.KerasTensor((), dtype="int32") for _ in range(self.depth)]

    def last_decisions(self, task: str) -> tf.Tensor:
        """Returns the task's last decisions in training, int32 `[depth]`.

        Raises:
            InputError: if the task is unknown.
        """
        return self.decisions.value[self._index(task)]

    def update_policies(self, task: str, decisions, rewards) -> None:
        """Takes one step of the weighted policy learner (algorithm 3).

        The return of a decision is the mean of the final rewards plus the
        collaboration rewards from it onwards (section 3.1.1). Its difference to
        the average return so far moves the probability of the block chosen,
        multiplied by `1 - probability` if it is positive and by `probability`
        if it is negative: an agent slows down as it becomes certain, so that
        others can adjust to it. The rows are projected back to distributions.

        It can be part of a `tf.function`.

        Args:
            task: its name.
            decisions: the blocks chosen, `[depth]`.
            rewards: final rewards that followed, a scalar or `[batch]`.

        Raises:
            InputError: if the task is unknown.
        """
        index = self._index(task)
        # The mean of a scalar is the scalar.
        final = tf.reduce_mean(tf.cast(rewards, tf.float32))
        chosen = tf.one_hot(tf.cast(decisions, tf.int32), self.blocks)
        policies = self.policies.value
        # The probability of each block, averaged over tasks.
        usage = tf.reduce_mean(policies, axis=0)
        bonuses = self.collaboration * tf.reduce_sum(chosen * usage, -1)
        returns = final + tf.cumsum(bonuses, reverse=True)
        averages = self.average_returns.value
        differences = returns - averages[index]
        policy = policies[index]
        probabilities = tf.reduce_sum(chosen * policy, -1)
        differences *= tf.where(
            differences > 0, 1 - probabilities, probabilities
        )
        policy += self.learning_rate * differences[:, None] * chosen
        self.policies.assign(
            _replace(
                policies,
                index,
                simplex.project_to_simplex(policy, self.min_probability),
            )
        )
        self.average_returns.assign(
            _replace(
                averages,
                index,
                averages[index]
                + self.average_rate * (returns - averages[index]),
            )
        )

    def learn_from_losses(self, losses: Mapping[str, tf.Tensor]) -> None:
        """Updates the policies after a train step, see `LearnsFromLosses`.

        The reward is minus the loss of the decisions drawn last, which for a
        cross-entropy is the log-likelihood.

        Args:
            losses: a scalar for each task's name. Tasks that are not the
                router's are passed over.
        """
        for task in self.tasks:
            if task in losses:
                self.update_policies(
                    task, self.last_decisions(task), -losses[task]
                )

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "tasks": self.tasks,
            "depth": self.depth,
            "blocks": self.blocks,
            "learning_rate": self.learning_rate,
            "collaboration": self.collaboration,
            "average_rate": self.average_rate,
            "min_probability": self.min_probability,
            "seed": self.seed,
        }

    def _index(self, task: str) -> int:
        if task not in self.tasks:
            raise errors.InputError(
                f"task={task!r}: expected one of {self.tasks}"
            )
        return self.tasks.index(task)


def _replace(table: tf.Tensor, index: int, row: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(table, [[index]], row[None])

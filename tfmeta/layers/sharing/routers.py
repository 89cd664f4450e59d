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

DECIDES_FOR = ("task", "example")


@keras.saving.register_keras_serializable("tfmeta")
class Router(keras.Layer):
    """One agent a task, which chooses a function block at each depth.

    An agent's policy is a table, `[depth, blocks]`, each row a distribution
    (section 3.1.2, multiple agents with tabular policies). In training its
    decisions are drawn from it; at inference they are the likeliest. A batch is
    of one task.

    A draw may be for each example, as in the paper, or one for the whole batch
    of a task (`decides_for`). The former makes more of a step: the examples
    compare as many decisions. The latter costs less, for each layer computes
    with one block alone.

    The policies learn by `update_policies`, the weighted policy learner
    (algorithm 3, after Abdallah & Lesser 2006), not by gradients. A train step
    does

        logits = network(images, training=True)
        ...
        decisions = router.last_decisions(task, batch_size)
        router.update_policies(task, decisions, rewards)

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
        decides_for: what a decision in training is for: `"example"`, each
            example of a batch, or `"task"`, all examples of a task in a batch.
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
        learning_rate: float = 0.3,
        collaboration: float = 0.0,
        average_rate: float = 0.1,
        min_probability: float = 1e-3,
        decides_for: str = "task",
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
        if decides_for not in DECIDES_FOR:
            raise errors.InputError(
                f"decides_for={decides_for!r}: expected one of "
                f"{', '.join(DECIDES_FOR)}"
            )
        self.depth = depth
        self.blocks = blocks
        self.learning_rate = learning_rate
        self.collaboration = collaboration
        self.average_rate = average_rate
        self.min_probability = min_probability
        self.decides_for = decides_for
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Makes the policies, the average returns and the last draws."""
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
        # How many examples a batch will have is not known here. The seed of
        # their decisions says all that policies do not.
        if self.decides_for == "example":
            self.seeds = self._add_integers("seeds", (tasks, 2))
        else:
            self.decisions = self._add_integers(
                "decisions", (tasks, self.depth)
            )

    def call(self, inputs, task: str, training=False):
        """Decides for a batch of one task.

        Args:
            inputs: `[batch, ...]`, what is routed; a table's decisions do not
                depend on it.
            task: its name.
            training: whether to draw the decisions, and to remember them.

        Returns:
            A list of `depth` decisions, int32 numbers of blocks: scalars, or
            `[batch]` if they are drawn for each example.

        Raises:
            InputError: if the task is unknown.
        """
        index = self._index(task)
        if not training:
            likeliest = tf.argmax(
                self.policies.value[index], axis=-1, output_type=tf.int32
            )
            return tf.unstack(likeliest)
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        if self.decides_for == "example":
            self.seeds.assign(_replace(self.seeds.value, index, seed))
            return tf.unstack(self._draw(index, tf.shape(inputs)[0], seed))
        decisions = self._draw(index, 1, seed)[:, 0]
        self.decisions.assign(_replace(self.decisions.value, index, decisions))
        return tf.unstack(decisions)

    def compute_output_spec(self, inputs, task: str, training=False):
        """Returns the specification of the decisions."""
        self._index(task)
        by_example = training and self.decides_for == "example"
        shape = inputs.shape[:1] if by_example else ()
        return [
            keras.KerasTensor(shape, dtype="int32") for _ in range(self.depth)
        ]

    def last_decisions(
        self, task: str, batch_size: int | tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the task's last decisions in training.

        Those for each example are drawn again from the same seed: so this is
        for the time before the task's policy is updated, and for the same
        compiled function, for XLA draws other numbers.

        Args:
            task: its name.
            batch_size: of how many examples the batch was. It is needed if the
                router decides for each of them, and else ignored.

        Returns:
            int32 `[depth]`, or `[depth, batch_size]` for each example.

        Raises:
            InputError: if the task is unknown, or the batch size is missing.
        """
        index = self._index(task)
        if self.decides_for == "task":
            return self.decisions.value[index]
        if batch_size is None:
            raise errors.InputError(
                "batch_size=None: expected a number, for the router decides "
                "for each example"
            )
        return self._draw(index, batch_size, self.seeds.value[index])

    def update_policies(self, task: str, decisions, rewards) -> None:
        """Takes one step of the weighted policy learner (algorithm 3).

        The return of a decision is its final reward, the mean over the examples
        that it was for, plus the collaboration rewards from it onwards (section
        3.1.1). Its difference to the average return so far moves the
        probability of the block chosen, multiplied by `1 - probability` if it
        is positive and by `probability` if it is negative: an agent slows down
        as it becomes certain, so that others can adjust to it. Of decisions for
        each example the mean of their steps is taken. The rows are projected
        back to distributions.

        It can be part of a `tf.function`.

        Args:
            task: its name.
            decisions: the blocks chosen, `[depth]`, or `[depth, batch]` if it
                was for each example.
            rewards: final rewards that followed, a scalar or `[batch]`.

        Raises:
            InputError: if the task is unknown.
        """
        index = self._index(task)
        decisions = tf.cast(decisions, tf.int32)
        final = tf.cast(rewards, tf.float32)
        if decisions.shape.rank == 1:
            decisions = decisions[:, None]
            # The mean of a scalar is the scalar.
            final = tf.reduce_mean(final)
        chosen = tf.one_hot(decisions, self.blocks)
        policies = self.policies.value
        # The probability of each block, averaged over tasks.
        usage = tf.reduce_mean(policies, axis=0)[:, None]
        bonuses = self.collaboration * tf.reduce_sum(chosen * usage, -1)
        returns = final + tf.cumsum(bonuses, axis=0, reverse=True)
        averages = self.average_returns.value
        differences = returns - averages[index][:, None]
        policy = policies[index]
        probabilities = tf.reduce_sum(chosen * policy[:, None], -1)
        differences *= tf.where(
            differences > 0, 1 - probabilities, probabilities
        )
        policy += self.learning_rate * tf.reduce_mean(
            differences[..., None] * chosen, axis=1
        )
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
                + self.average_rate
                * (tf.reduce_mean(returns, axis=1) - averages[index]),
            )
        )

    def learn_from_losses(self, losses: Mapping[str, tf.Tensor]) -> None:
        """Updates the policies after a train step, see `LearnsFromLosses`.

        The reward is minus the loss of the decisions drawn last, which for a
        cross-entropy is the log-likelihood.

        Args:
            losses: for each task's name those of its examples, `[batch]`, or a
                scalar. Tasks that are not the router's are passed over.

        Raises:
            InputError: if one is a scalar, and decisions are for each example.
        """
        for task in self.tasks:
            if task not in losses:
                continue
            loss = losses[task]
            if self.decides_for == "example" and loss.shape.rank != 1:
                raise errors.InputError(
                    f"loss of {task!r}: expected one for each example, [batch],"
                    f" as the router decides for each, got shape {loss.shape}"
                )
            self.update_policies(
                task, self.last_decisions(task, tf.size(loss)), -loss
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
            "decides_for": self.decides_for,
            "seed": self.seed,
        }

    def _add_integers(self, name: str, shape) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer="zeros",
            dtype="int32",
            trainable=False,
        )

    def _draw(self, index: int, size, seed) -> tf.Tensor:
        """Draws decisions `[depth, size]` from a task's policy."""
        uniform = tf.random.stateless_uniform((self.depth, size), seed)
        bounds = tf.cumsum(self.policies.value[index], axis=-1)[:, None]
        below = tf.cast(bounds <= uniform[..., None], tf.int32)
        # A policy's sum may fall short of 1 by rounding.
        return tf.minimum(tf.reduce_sum(below, -1), self.blocks - 1)

    def _index(self, task: str) -> int:
        if task not in self.tasks:
            raise errors.InputError(
                f"task={task!r}: expected one of {self.tasks}"
            )
        return self.tasks.index(task)


def _replace(table: tf.Tensor, index: int, row: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(table, [[index]], row[None])

"""The outer loss: that of a task's queries after adaptation."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import episode
from tfmeta.functional import functional_network, weight_posteriors
from tfmeta.gradients import replicas, task_mapping
from tfmeta.learners import adaptation
from tfmeta.regularizers import task_regularizer


class OuterTask(NamedTuple):
    """What a step of the outer loop maps over: each field `[tasks, ...]`.

    Attributes:
        episode: the tasks' examples.
        seeds: random states of a task's calls of the network.
        initial_loss_weight: of the queries' loss before adaptation, which a
            task regularizer may ask for.
    """

    episode: episode.Episode
    seeds: functional_network.Seeds
    initial_loss_weight: tf.Tensor


class TaskOutputs(NamedTuple):
    """What a step of the outer loop reports of each task.

    Attributes:
        predictions: `[queries, ...]`, after adaptation.
        query_loss: scalar, their loss.
        regularization: scalar, what was added to it.
    """

    predictions: Any
    query_loss: Any
    regularization: Any


@dataclasses.dataclass(frozen=True)
class OuterLoss:
    """The loss of a task in the outer loop.

    The loss of its queries after adaptation, plus what the network's layers
    add, the learner's own terms and the task regularizer's.

    Attributes:
        learner: how to adapt.
        loss: `(y, predictions)` to a scalar.
        variables: the trainable variables: the learner's own, then the
            network's.
        regularizer: of the tasks' predictions, or None.
        posterior_draw: what shares one draw of theta, one of
            `functional_network.POSTERIOR_DRAWS`.
        mapping: how to go through tasks, one of `TASK_MAPPINGS`.
    """

    learner: adaptation.Adaptation
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    variables: Sequence[keras.Variable]
    regularizer: task_regularizer.TaskRegularizer | None
    posterior_draw: str
    mapping: str

    def of_task(
        self, shared: weight_posteriors.SharedWeights, task: OuterTask
    ) -> tuple[tf.Tensor, TaskOutputs]:
        """Returns one task's loss, and what to report of it."""
        support_x, support_y, query_x, query_y = task.episode
        weights, run = self._weights_and_pass(shared, task)
        state = self.learner.adapted_state(weights, support_x, support_y, run)
        predictions, layer_losses = self.learner.query_predictions(
            state, query_x, run
        )
        own_losses = self.learner.adaptation_losses(
            state, support_x, support_y, run
        )
        query_loss = self.loss(query_y, predictions)
        regularization = tf.add_n(
            [tf.zeros_like(query_loss), *layer_losses, *own_losses]
        )
        if self.regularizer is not None:
            initial = self._initial_predictions(shared, task)
            regularization += self.regularizer.task_loss(
                initial, predictions
            ) + task.initial_loss_weight * self.loss(query_y, initial)
        return query_loss + regularization, TaskOutputs(
            predictions, query_loss, regularization
        )

    def tasks(
        self,
        shared: weight_posteriors.SharedWeights,
        episodes: episode.Episode,
        seed: tf.Tensor,
        place: replicas.Place,
    ) -> OuterTask:
        """Makes what to map over of a meta-batch.

        Args:
            shared: what the tasks share.
            episodes: of this replica.
            seed: `[2]`, the same on all replicas.
            place: of this replica's tasks.
        """
        # Of all tasks, so that a task draws the same whoever has it.
        seeds = functional_network.draw_seeds(
            self.learner.network,
            seed,
            tasks=place.total,
            calls=self.learner.calls_per_task,
            posterior_draw=self.posterior_draw,
        )
        tasks = OuterTask(
            episodes,
            place.rows(seeds),
            tf.zeros((place.size,), self.learner.weight_dtype),
        )
        if self.regularizer is None:
            return tasks
        losses = replicas.join(
            self._map(
                lambda task: self.loss(
                    task.episode.query_y,
                    self._initial_predictions(shared, task),
                ),
                tasks,
                self.learner.weight_dtype,
            ),
            replicas.Split.TASKS,
        )
        return tasks._replace(
            initial_loss_weight=place.rows(
                self.regularizer.initial_loss_weights(losses)
            )
        )

    def posteriors(self) -> weight_posteriors.WeightPosteriors:
        """Returns the posteriors that all tasks share."""
        return weight_posteriors.WeightPosteriors(
            self.learner.network, self.variables, self.learner.adapted_weights()
        )

    def values(self) -> list[tf.Tensor]:
        """Returns the values of the variables."""
        return [tf.convert_to_tensor(variable) for variable in self.variables]

    def output_dtypes(self) -> TaskOutputs:
        """Returns the dtypes of what is reported of a task."""
        return TaskOutputs(*[self.learner.weight_dtype] * 3)

    def without_gradient(
        self, shared: weight_posteriors.SharedWeights, tasks: OuterTask
    ) -> tuple[tf.Tensor, TaskOutputs]:
        """Computes losses `[T]` and outputs alone."""
        return self._map(
            functools.partial(self.of_task, shared),
            tasks,
            (self.learner.weight_dtype, self.output_dtypes()),
        )

    def _initial_predictions(
        self, shared: weight_posteriors.SharedWeights, task: OuterTask
    ) -> tf.Tensor:
        """Predicts a task's queries before adaptation, as in training."""
        weights, run = self._weights_and_pass(shared, task)
        predictions, _ = self.learner.query_predictions(
            self.learner.initial_state(weights), task.episode.query_x, run
        )
        return predictions

    def _weights_and_pass(
        self, shared: weight_posteriors.SharedWeights, task: OuterTask
    ) -> tuple[list[tf.Tensor | None], functional_network.Pass]:
        """Returns the weights of a task's calls, and how to make these."""
        posteriors = self.posteriors()
        return posteriors.values(shared), functional_network.Pass(
            training=True, seeds=task.seeds, given=posteriors.given(shared)
        )

    def _map(self, function, tasks: OuterTask, output_dtypes):
        return task_mapping.map_tasks(
            function, tasks, mapping=self.mapping, output_dtypes=output_dtypes
        )

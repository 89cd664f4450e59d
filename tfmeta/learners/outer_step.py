"""What goes into a step of the outer loop, and what comes out of it."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfmeta.functional import functional_network, weight_posteriors
from tfmeta.gradients import mapped as task_gradients


class OuterTask(NamedTuple):
    """What a step of the outer loop maps over: each field `[tasks, ...]`.

    Attributes:
        support_x: support examples.
        support_y: their labels.
        query_x: query examples.
        query_y: their labels.
        seeds: random states of the task's calls of the network.
        initial_loss_weight: of the queries' loss before adaptation, which a
            task regularizer may ask for.
    """

    support_x: tf.Tensor
    support_y: tf.Tensor
    query_x: tf.Tensor
    query_y: tf.Tensor
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


class OuterStep(NamedTuple):
    """The gradients of a step of the outer loop, on their way to the weights.

    Attributes:
        tasks: gradients with respect to what the tasks share.
        shared: what they share, made of the weights.
        weights: values of `trainable_variables`.
        tape: how it was made.
    """

    tasks: task_gradients.TaskGradients
    shared: weight_posteriors.SharedWeights
    weights: list[tf.Tensor]
    tape: tf.GradientTape

    def task_gradients(self) -> list[tf.Tensor]:
        """Returns each task's gradients, `[tasks, *weight.shape]`."""
        return tf.vectorized_map(self._pull_back, self.tasks.gradients)

    def mean_gradients(self) -> list[tf.Tensor]:
        """Returns their mean, for which the chain rule is applied once."""
        return self._pull_back(
            [tf.reduce_mean(gradient, 0) for gradient in self.tasks.gradients]
        )

    def _pull_back(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        return self.tape.gradient(
            tf.nest.flatten(self.shared, expand_composites=True),
            self.weights,
            output_gradients=gradients,
            unconnected_gradients="zero",
        )

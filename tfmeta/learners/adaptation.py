"""The contract of adapting: what a learner is, as functions of tensors."""

import abc
from typing import Any

import keras
import tensorflow as tf

from tfmeta.functional import functional_network


class Adaptation(abc.ABC):
    """How a learner adapts to a task and predicts its queries.

    All methods are functions of the values of the weights: nothing is assigned,
    and what they return can be differentiated. A *state* is what is known of a
    task: adapted weights, a representation of its support set, the memory of a
    recurrent network.

    Attributes:
        network: the network that is run as a function of its weights.
    """

    network: keras.Model

    def adapted_weights(self) -> list[keras.Variable]:
        """Returns the network's variables that differ from task to task."""
        return []

    @property
    @abc.abstractmethod
    def calls_per_task(self) -> int:
        """How often a task calls the network during training."""

    @abc.abstractmethod
    def initial_state(self, weights: list[tf.Tensor]) -> Any:
        """Returns the state of a task before it has any support.

        Args:
            weights: values of the trainable variables, the learner's own before
                the network's.
        """

    @abc.abstractmethod
    def adapted_state(
        self,
        weights: list[tf.Tensor],
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        run: functional_network.Pass,
    ) -> Any:
        """Returns the state of a task after its support set.

        Args:
            weights: values of the trainable variables, the learner's own before
                the network's.
            support_x: `[support, ...]`.
            support_y: `[support, ...]`.
            run: how to run the network.
        """

    @abc.abstractmethod
    def query_predictions(
        self, state: Any, query_x: tf.Tensor, run: functional_network.Pass
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Predicts queries.

        Args:
            state: a task's.
            query_x: `[queries, ...]`.
            run: how to run the network.

        Returns:
            Predictions `[queries, ...]`, and the losses that layers added.
        """

    def adaptation_losses(
        self,
        state: Any,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        run: functional_network.Pass,
    ) -> list[tf.Tensor]:
        """Returns further terms of a task's loss in the outer loop.

        Args:
            state: the task's, after its support set.
            support_x: `[support, ...]`.
            support_y: `[support, ...]`.
            run: how to run the network.
        """
        del state, support_x, support_y, run
        return []

    @property
    def weight_dtype(self) -> tf.DType:
        """The dtype of the network's weights."""
        return functional_network.weight_dtype(self.network)

    def network_weights(self, weights: list[Any]) -> list[Any]:
        """Returns those of all weights that are the network's."""
        # Keras lists a model's own variables before its layers'.
        return weights[len(weights) - len(self.network.trainable_variables) :]

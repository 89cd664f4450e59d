"""What a train step knows of its tasks, and where it comes from."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import keras
import tensorflow as tf

from tfmeta.gradients import replicas

Pairs = list[tuple[Any, keras.Variable]]
"""Gradients and their variables; a gradient may be None or sparse."""


class TaskGradients(NamedTuple):
    """The gradients of T tasks.

    Attributes:
        shared: for each variable that tasks share, their gradients `[T,
            *variable.shape]`, zeros for a task that does not depend on it.
        own: for each variable that one task alone depends on, its gradient.
        common: gradients that belong to no task: of a posterior's divergence,
            an L2 penalty, a temperature. A shared variable may be among these,
            too.
        losses: `[T]`.
    """

    shared: Pairs
    own: Pairs
    common: Pairs
    losses: tf.Tensor


class TaskPass(Protocol):
    """A forward pass over T tasks that can be differentiated.

    It says what only a model knows: how its gradients are made. What becomes
    of them is the same for all models, see `tfmeta.optimizers.descend`.

    `factors` are what the losses are multiplied by: `[T]`, or None for ones.
    Under `tf.distribute` all is about this replica's share.
    """

    @property
    def losses(self) -> tf.Tensor:
        """The tasks' losses `[T]`."""

    @property
    def split(self) -> replicas.Split:
        """What the replicas of a `tf.distribute` strategy share out."""

    def own(self, values: tf.Tensor) -> tf.Tensor:
        """Returns what is of this replica's tasks.

        Args:
            values: `[tasks of all replicas, ...]`, the same on all.
        """

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """The trainable variables that losses may depend on."""

    def total(self, values: tf.Tensor) -> tf.Tensor:
        """Makes one number of the tasks': their sum, or their mean.

        Args:
            values: `[T]`.
        """

    def differentiate_total(
        self, factors: tf.Tensor | None, common_factor: tf.Tensor | None
    ) -> Pairs:
        """Differentiates the total of the losses, at the price of one gradient.

        Args:
            factors: see above.
            common_factor: a scalar that multiplies what belongs to no task;
                None to leave that out.
        """

    def differentiate_tasks(
        self, factors: tf.Tensor | None, common_factor: tf.Tensor
    ) -> TaskGradients:
        """Differentiates each loss, and what belongs to no task."""

    def differentiate_unshared(
        self, factors: tf.Tensor | None, common_factor: tf.Tensor
    ) -> TaskGradients:
        """Does the same but for shared variables, whose gradients are None."""

    def differentiate_part(
        self, factors: tf.Tensor | None, variables: Sequence[keras.Variable]
    ) -> list[tf.Tensor]:
        """Differentiates each loss by some of the shared variables.

        Returns:
            For each of them `[T, *variable.shape]`. No gradients of other
            variables are held.
        """

    def differentiate_sum(
        self, factors: tf.Tensor | None, variables: Sequence[keras.Variable]
    ) -> list[Any]:
        """Differentiates the sum of the losses by some variables.

        Returns:
            For each of them a dense gradient, None if it has none. No gradients
            of single tasks are held.
        """

    def repeat(self) -> tf.Tensor:
        """Computes the losses `[T]` once more, with the same noise."""

    def renew(self) -> tf.Tensor:
        """Computes the losses `[T]` of the same batch with new noise."""

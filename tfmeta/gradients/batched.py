"""One loss for each task, all of one batch with a task axis."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.gradients import replicas, task_gradients

Losses = Callable[[list[tf.Tensor]], tuple[tf.Tensor, Any]]
"""From the values of the variables to the tasks' losses `[tasks]`, and what
else there is to tell. A value may be one for all tasks, `[*shape]`, or one for
each, `[tasks, *shape]`: then a task's loss depends on its own alone."""


class BatchedPass:
    """A pass over tasks that differ by their data alone: a `TaskPass`.

    Such as the environments of an agent, each with its rows of the replay. The
    tasks run in one batch of operations. Where one gradient for each task is
    asked for, each runs on its own copy of the weights, so that products with
    them are batched ones; else all share the weights, and no task gradients are
    paid for.

    Args:
        losses: the tasks' losses; a pure function.
        variables: the variables whose values it takes, in this order.
        tasks: number of tasks.
        by_task: whether task gradients will be asked for, as
            `Descent.makes_task_gradients` says.
    """

    split = replicas.Split.TASKS

    def __init__(
        self,
        losses: Losses,
        variables: Sequence[keras.Variable],
        tasks: int,
        *,
        by_task: bool,
    ):
        self._compute = losses
        self._count = tasks
        self.variables = variables
        # Taken once: a step changes the variables.
        self._weights = [tf.convert_to_tensor(v) for v in variables]
        self._copied = set(range(len(variables))) if by_task else set()
        self._tape, self._values, (self._losses, self._outputs) = self._run(
            self._copied
        )

    @property
    def losses(self) -> tf.Tensor:
        """The tasks' losses `[T]`."""
        return self._losses

    @property
    def outputs(self) -> Any:
        """What else the losses told, each part `[T, ...]`."""
        return self._outputs

    def own(self, values: tf.Tensor) -> tf.Tensor:
        """There is one replica."""
        return values

    def total(self, values: tf.Tensor) -> tf.Tensor:
        """Averages: tasks count alike, whatever their number."""
        return tf.reduce_mean(values, 0)

    def differentiate_total(self, factors, common_factor):
        """Makes one backward pass of all losses."""
        del common_factor  # All belongs to tasks.
        weights = tf.ones_like(self.losses) if factors is None else factors
        gradients = self._tape.gradient(
            self.losses,
            self._values,
            output_gradients=weights / self._count,
            unconnected_gradients="zero",
        )
        if self._copied:
            gradients = [tf.reduce_sum(gradient, 0) for gradient in gradients]
        return list(zip(gradients, self.variables, strict=True))

    def differentiate_tasks(self, factors, common_factor):
        """Makes one backward pass; every variable is shared."""
        gradients = (
            self._gradients(self._tape, self._losses, self._values, factors)
            if self._copied
            else self.differentiate_part(factors, self.variables)
        )
        return self.differentiate_unshared(factors, common_factor)._replace(
            shared=list(zip(gradients, self.variables, strict=True))
        )

    def differentiate_unshared(self, factors, common_factor):
        """Returns the losses: nothing is a task's own, nothing is common."""
        del factors, common_factor
        return task_gradients.TaskGradients(
            shared=[(None, variable) for variable in self.variables],
            own=[],
            common=[],
            losses=self.losses,
        )

    def differentiate_part(self, factors, variables):
        """Runs the tasks anew, on their own copies of some variables."""
        places = self._places(variables)
        tape, values, (losses, _) = self._run(set(places))
        return self._gradients(
            tape, losses, [values[place] for place in places], factors
        )

    def differentiate_sum(self, factors, variables):
        """Runs the tasks anew, on weights that they share."""
        places = self._places(variables)
        tape, values, (losses, _) = self._run(set())
        return self._gradients(
            tape, losses, [values[place] for place in places], factors
        )

    def repeat(self) -> tf.Tensor:
        """Computes the losses once more: noise is a part of the data."""
        return self.renew()

    def renew(self) -> tf.Tensor:
        """Computes the losses with the weights as they are now."""
        return self._compute([tf.convert_to_tensor(v) for v in self.variables])[
            0
        ]

    def _run(
        self, copied: set[int]
    ) -> tuple[tf.GradientTape, list[tf.Tensor], tuple[tf.Tensor, Any]]:
        """Records the losses; some weights are one copy for each task."""
        values = [
            tf.broadcast_to(weight, (self._count, *weight.shape))
            if place in copied
            else weight
            for place, weight in enumerate(self._weights)
        ]
        with tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as tape:
            tape.watch(values)
            results = self._compute(values)
        return tape, values, results

    def _gradients(self, tape, losses, values, factors) -> list[tf.Tensor]:
        return tape.gradient(
            losses,
            values,
            output_gradients=factors,
            unconnected_gradients="zero",
        )

    def _places(self, variables: Sequence[keras.Variable]) -> list[int]:
        place = {id(v): number for number, v in enumerate(self.variables)}
        return [place[id(variable)] for variable in variables]

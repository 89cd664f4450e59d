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
        own: those among the variables that hold weights for each task, `[tasks,
            ...]`: a task's loss depends on its own alone.
    """

    split = replicas.Split.TASKS

    def __init__(
        self,
        losses: Losses,
        variables: Sequence[keras.Variable],
        tasks: int,
        *,
        by_task: bool,
        own: Sequence[keras.Variable] = (),
    ):
        self._compute = losses
        self._count = tasks
        self.variables = variables
        # Taken once: a step changes the variables.
        self._weights = [tf.convert_to_tensor(v) for v in variables]
        self._shared = [v for v in variables if id(v) not in set(map(id, own))]
        self._own = own
        self._copied = set(self._places(self._shared)) if by_task else set()
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
        gradients = [
            tf.reduce_sum(gradient, 0) if place in self._copied else gradient
            for place, gradient in enumerate(gradients)
        ]
        return list(zip(gradients, self.variables, strict=True))

    def differentiate_tasks(self, factors, common_factor):
        """Makes one backward pass."""
        del common_factor  # All belongs to tasks.
        variables = [*self._shared, *self._own]
        if self._copied:
            gradients = self._gradients_of(factors, variables)
        else:
            gradients = [
                *self.differentiate_part(factors, self._shared),
                *self._gradients_of(factors, self._own),
            ]
        pairs = list(zip(gradients, variables, strict=True))
        count = len(self._shared)
        return task_gradients.TaskGradients(
            shared=pairs[:count],
            own=pairs[count:],
            common=[],
            losses=self.losses,
        )

    def differentiate_unshared(self, factors, common_factor):
        """Differentiates by what tasks have for themselves."""
        del common_factor
        gradients = self._gradients_of(factors, self._own) if self._own else []
        return task_gradients.TaskGradients(
            shared=[(None, variable) for variable in self._shared],
            own=list(zip(gradients, self._own, strict=True)),
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

    def _gradients_of(self, factors, variables) -> list[tf.Tensor]:
        """Differentiates what was recorded at first."""
        values = [self._values[place] for place in self._places(variables)]
        return self._gradients(self._tape, self._losses, values, factors)

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

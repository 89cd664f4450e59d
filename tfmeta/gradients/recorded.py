"""Losses of tasks that one tape has recorded, and who shares a variable."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.gradients import replicas, task_gradients


@dataclasses.dataclass(frozen=True)
class RecordedPass:
    """One forward pass in which all tasks' losses are made.

    A `TaskPass`: a model with one output for each task, an agent with one loss
    for each environment. Each replica has some examples of every task. A
    backward pass goes through what its loss depends on and no further: tasks
    on data of their own cost together what one pass of their sum costs.

    Attributes:
        tape: persistent, it has recorded all losses.
        task_losses: a scalar for each task; of several replicas, each one's
            share, so that their sum is the loss.
        common_losses: scalars that belong to no task, shares likewise.
        variables: the trainable variables that these may depend on.
        names: the tasks' names.
        repeat: computes the losses `[T]` once more, with the same noise.
        renew: computes the losses `[T]` of the same batch with new noise.
    """

    tape: tf.GradientTape
    task_losses: Sequence[tf.Tensor]
    common_losses: Sequence[tf.Tensor]
    variables: Sequence[keras.Variable]
    names: Sequence[str]
    repeat: Callable[[], tf.Tensor]
    renew: Callable[[], tf.Tensor]

    @property
    def losses(self) -> tf.Tensor:
        """The tasks' losses `[T]`."""
        return tf.stack(self.task_losses)

    @property
    def split(self) -> replicas.Split:
        """Each replica has examples of every task."""
        return replicas.Split.EXAMPLES

    def own(self, values: tf.Tensor) -> tf.Tensor:
        """Each replica has all tasks."""
        return values

    def total(self, values: tf.Tensor) -> tf.Tensor:
        """Adds up, as Keras does with the losses of several outputs."""
        return tf.reduce_sum(values)

    def differentiate_total(self, factors, common_factor):
        """Makes one backward pass of all losses."""
        losses, factors = list(self.task_losses), self._each(factors)
        if common_factor is not None:
            losses += self.common_losses
            factors += [common_factor] * len(self.common_losses)
        return self._pairs(losses, factors)

    def differentiate_tasks(self, factors, common_factor):
        """Makes one backward pass for each task."""
        result = differentiate_tasks(
            self.tape,
            self.task_losses,
            self._each(factors),
            self.variables,
            self.names,
        )
        if not self.common_losses:
            return result
        return result._replace(
            common=self._pairs(
                self.common_losses, [common_factor] * len(self.common_losses)
            )
        )

    def differentiate_unshared(self, factors, common_factor):
        """Makes one backward pass for each task, to see what it shares."""
        result = self.differentiate_tasks(factors, common_factor)
        return result._replace(
            shared=[(None, variable) for _, variable in result.shared]
        )

    def differentiate_part(self, factors, variables):
        """Makes one backward pass for each task, down to some variables."""
        shared = differentiate_tasks(
            self.tape,
            self.task_losses,
            self._each(factors),
            variables,
            self.names,
        ).shared
        return [gradients for gradients, _ in shared]

    def differentiate_sum(self, factors, variables):
        """Makes one backward pass of the tasks' losses."""
        gradients = self.tape.gradient(
            self.task_losses, variables, output_gradients=self._each(factors)
        )
        # Dense, as the gradients of single tasks are, for optimizers such as
        # Adam have another rule for sparse ones.
        return [
            None if gradient is None else tf.convert_to_tensor(gradient)
            for gradient in gradients
        ]

    def _pairs(self, losses, factors) -> task_gradients.Pairs:
        gradients = self.tape.gradient(
            losses, self.variables, output_gradients=factors
        )
        return list(zip(gradients, self.variables, strict=True))

    def _each(self, factors: tf.Tensor | None) -> list[tf.Tensor]:
        if factors is None:
            return [tf.ones_like(loss) for loss in self.task_losses]
        return tf.unstack(factors, len(self.task_losses))


def differentiate_tasks(
    tape: tf.GradientTape,
    losses: Sequence[tf.Tensor],
    factors: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
    names: Sequence[str],
) -> task_gradients.TaskGradients:
    """Makes one backward pass per task.

    Who shares a variable is seen by which passes reach it, whatever the
    network's structure: two or more share it, or the only task there is has
    it; else it is its task's own.

    Args:
        tape: persistent, it has recorded the losses.
        losses: a scalar for each task.
        factors: what each loss is multiplied by, a scalar.
        variables: what to differentiate with respect to.
        names: the tasks' names.

    Returns:
        The gradients, none of them common; variables that no task depends on
        are left out.

    Raises:
        InputError: if the loss of a task depends on no variable.
    """
    by_task = [
        tape.gradient(loss, variables, output_gradients=factor)
        for loss, factor in zip(losses, factors, strict=True)
    ]
    for name, gradients in zip(names, by_task, strict=True):
        if all(gradient is None for gradient in gradients):
            raise errors.InputError(
                f"loss of {name!r} depends on no trainable variable: its task "
                "has no gradient"
            )
    shared: task_gradients.Pairs = []
    own: task_gradients.Pairs = []
    for variable, gradients in zip(
        variables, zip(*by_task, strict=True), strict=True
    ):
        reached = [gradient for gradient in gradients if gradient is not None]
        if len(reached) > 1 or len(by_task) == 1 == len(reached):
            shared.append((_stack(gradients, variable), variable))
        elif reached:
            own.append((reached[0], variable))
    return task_gradients.TaskGradients(shared, own, [], tf.stack(losses))


def split_evenly(
    variables: Sequence[keras.Variable], parts: int
) -> list[list[keras.Variable]]:
    """Splits variables into runs of about the same total size.

    Args:
        variables: one or more.
        parts: the number of runs; as large variables are not split, there may
            be fewer.
    """
    sizes = [math.prod(variable.shape) for variable in variables]
    runs: dict[int, list[keras.Variable]] = {}
    before = 0
    for variable, size in zip(variables, sizes, strict=True):
        # By where its middle lies.
        run = int(parts * (before + size / 2) / sum(sizes))
        runs.setdefault(run, []).append(variable)
        before += size
    return list(runs.values())


def _stack(gradients: Sequence[Any], variable: keras.Variable) -> tf.Tensor:
    zeros = tf.zeros(variable.shape, variable.dtype)
    return tf.stack(
        [
            # Embeddings have sparse gradients.
            zeros if gradient is None else tf.convert_to_tensor(gradient)
            for gradient in gradients
        ]
    )

"""The one way from the losses of tasks to an update of the weights."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.gradients import gramian, recorded, replicas, task_gradients
from tfmeta.optimizers import (
    inner_optimizer,
    step_curvature,
    task_gradient_optimizer,
)
from tfmeta.weightings import weighting as weighting_lib


@dataclasses.dataclass(frozen=True)
class Descent:
    """How a model's steps are made.

    Attributes:
        optimizer: a Keras optimizer, for the total of the losses in one
            backward pass, or an optimizer of task gradients.
        weighting: what weights the losses before they are added up or given to
            the surgery; None for weights of 1.
        gradient_parts: the number of parts, of about equal size, into which the
            shared variables are split to save memory. With more than one, a
            step holds the T gradients of one part at a time, for their share of
            the Gramian, and makes the update by one more backward pass.
        curvature: what measures how the total of the weighted losses curves
            along each step; None for nothing.
        task_names: the tasks' names, for error messages; None: numbers.
    """

    optimizer: keras.optimizers.Optimizer
    weighting: weighting_lib.Weighting | None = None
    gradient_parts: int = 1
    curvature: step_curvature.StepCurvature | None = None
    task_names: Sequence[str] | None = None

    @property
    def does_surgery(self) -> bool:
        """Whether the optimizer takes the gradients of all tasks."""
        return isinstance(
            self.optimizer, task_gradient_optimizer.TaskGradientOptimizer
        )

    @property
    def makes_task_gradients(self) -> bool:
        """Whether a step makes one gradient for each task."""
        return self.does_surgery or self.needs_norms

    @property
    def needs_norms(self) -> bool:
        """Whether the weighting learns from the gradients' norms."""
        return (
            self.weighting is not None and self.weighting.needs_gradient_norms
        )

    def prepare(
        self, variables: Sequence[keras.Variable], num_tasks: int
    ) -> None:
        """Makes the optimizer's state, which a compiled step cannot.

        Args:
            variables: all that the steps change.
            num_tasks: number of tasks.
        """
        if self.does_surgery:
            self.optimizer.num_tasks = num_tasks
        self.optimizer.build(variables)

    @property
    def loss_scale(self) -> tf.Tensor | None:
        """What the optimizer multiplies losses by, None if it does not."""
        return inner_optimizer.loss_scale(
            self.optimizer.inner_optimizer
            if self.does_surgery
            else self.optimizer
        )


def descend(tasks: task_gradients.TaskPass, descent: Descent) -> None:
    """Makes one step from the losses of all tasks.

    1. The weighting turns the losses into weights.
    2. With a usual optimizer one backward pass differentiates the total of the
       weighted losses and of what belongs to no task. With an optimizer of task
       gradients one pass for each task does: variables that one task alone
       depends on follow its gradient, surgery is on those of shared variables,
       and what belongs to no task is added after it.
    3. After the update come the curvature and the weighting's own step.

    All gradients are those of losses times the optimizer's loss scale. Under
    `tf.distribute` the update is that of one replica with the whole batch.

    Args:
        tasks: a forward pass over the tasks.
        descent: how to make the step.

    Raises:
        InputError: if a task's gradient is not finite, see
            `TaskGradientOptimizer.apply_task_gradients`, or the tasks share no
            variable although the descent needs some.
    """
    losses = replicas.join(tasks.losses, tasks.split)
    factors = _Factors.of(losses, descent)
    step = None
    if descent.curvature is not None:
        step = descent.curvature.start(
            tasks.variables,
            tasks.total(factors.weighted(tasks, tasks.losses)),
            _unscaled(
                tasks.differentiate_total(factors.own(tasks), None),
                descent.loss_scale,
            ),
        )
    products = _update(tasks, factors, descent)
    if step is not None:
        step.finish(tasks.total(factors.weighted(tasks, tasks.repeat())))
    if descent.weighting is not None:
        descent.weighting.update(
            losses,
            gradient_norms=factors.norms(products)
            if descent.needs_norms
            else None,
            new_losses=replicas.join(tasks.renew(), tasks.split)
            if descent.weighting.needs_new_losses
            else None,
        )


class _Factors(NamedTuple):
    """What the losses of all tasks are multiplied by.

    Attributes:
        weights: the weighting's, `[T]`, or None for ones.
        scaled: these times the loss scale, `[T]`, or None for ones.
        common: the loss scale, a scalar.
        of_weighting: gradients for the weighting's own variables.
    """

    weights: tf.Tensor | None
    scaled: tf.Tensor | None
    common: tf.Tensor
    of_weighting: task_gradients.Pairs

    @classmethod
    def of(cls, losses: tf.Tensor, descent: Descent) -> "_Factors":
        scale = descent.loss_scale
        weights, of_weighting = _weigh(losses, descent)
        scaled = weights
        if scale is not None:
            scaled = scale * (
                tf.ones_like(losses) if weights is None else weights
            )
        return cls(
            weights,
            scaled,
            tf.ones(()) if scale is None else scale,
            of_weighting,
        )

    def own(
        self,
        tasks: task_gradients.TaskPass,
        combination: tf.Tensor | None = None,
    ) -> tf.Tensor | None:
        """Returns those of this replica's tasks.

        Args:
            tasks: this replica's.
            combination: `[T]`, multiplies the factors of all tasks, if given.
        """
        whole = self.scaled
        if combination is not None:
            whole = combination if whole is None else combination * whole
        if whole is None:
            return None
        return tasks.own(whole)

    def weighted(
        self, tasks: task_gradients.TaskPass, losses: tf.Tensor
    ) -> tf.Tensor:
        """Multiplies losses of this replica's tasks by their weights."""
        if self.weights is None:
            return losses
        return losses * tasks.own(self.weights)

    def norms(self, products: tf.Tensor) -> tf.Tensor:
        """Returns the norms `[T]` of the gradients of the losses as they are.

        Args:
            products: `[T, T]`, of the gradients of the losses times factors.
        """
        norms = tf.sqrt(tf.linalg.diag_part(products))
        return norms if self.scaled is None else norms / self.scaled


def _weigh(
    losses: tf.Tensor, descent: Descent
) -> tuple[tf.Tensor | None, task_gradients.Pairs]:
    """Returns weights `[T]`, None for ones, and the weighting's gradients."""
    if descent.weighting is None:
        return None, []
    with tf.GradientTape() as tape:
        weights = descent.weighting(losses)
        objective = tf.reduce_sum(weights * losses)
        objective += descent.weighting.penalty(losses)
        objective = descent.optimizer.scale_loss(objective / replicas.count())
    variables = descent.weighting.trainable_variables
    gradients = tape.gradient(objective, variables)
    return weights, list(zip(gradients, variables, strict=True))


def _update(
    tasks: task_gradients.TaskPass, factors: _Factors, descent: Descent
) -> tf.Tensor | None:
    """Updates the variables.

    Returns:
        The products `[T, T]` of the shared gradients, where the step needs them
        outside of the optimizer.
    """
    own = factors.own(tasks)
    in_parts = descent.gradient_parts > 1
    gradients = products = None
    if in_parts:
        gradients = tasks.differentiate_unshared(own, factors.common)
    elif descent.makes_task_gradients:
        gradients = tasks.differentiate_tasks(own, factors.common)
    if gradients is not None and (in_parts or descent.needs_norms):
        products = _gramian(tasks, own, gradients, descent)
    if gradients is None or not descent.does_surgery:
        _apply_total(
            descent.optimizer,
            tasks.differentiate_total(own, factors.common)
            + factors.of_weighting,
        )
        return products
    shared = gradients.shared
    others = [*gradients.own, *factors.of_weighting, *gradients.common]
    if in_parts:
        combination = descent.optimizer.weigh(
            products, task_names=descent.task_names
        )
        variables = [variable for _, variable in shared]
        combined = tasks.differentiate_sum(
            factors.own(tasks, combination), variables
        )
        others += zip(combined, variables, strict=True)
        shared = []
    others = _add_up(others)
    descent.optimizer.apply_task_gradients(
        [gradient for gradient, _ in shared],
        [variable for _, variable in shared],
        other_gradients=[gradient for gradient, _ in others],
        other_variables=[variable for _, variable in others],
        task_names=descent.task_names,
        split=tasks.split,
    )
    return products


def _gramian(
    tasks: task_gradients.TaskPass,
    factors: tf.Tensor | None,
    gradients: task_gradients.TaskGradients,
    descent: Descent,
) -> tf.Tensor:
    """Returns the products `[T, T]` of the tasks' shared gradients.

    Args:
        tasks: a forward pass over the tasks.
        factors: what this replica's losses are multiplied by.
        gradients: of the shared variables None, if they are made in parts.
        descent: how to make the step.
    """
    if not gradients.shared:
        names = ", ".join(descent.task_names or ())
        raise errors.InputError(
            f"the tasks {names or 'of the model'} share no trainable variable: "
            "expected some for GradNorm or gradient_parts > 1"
        )
    if descent.gradient_parts == 1:
        return gramian.compute_gramian(
            replicas.join([g for g, _ in gradients.shared], tasks.split)
        )
    products = None
    for part in recorded.split_evenly(
        [variable for _, variable in gradients.shared], descent.gradient_parts
    ):
        # The executor would else make the gradients of all parts at once.
        with tf.control_dependencies([] if products is None else [products]):
            product = gramian.compute_gramian(
                replicas.join(
                    tasks.differentiate_part(factors, part), tasks.split
                )
            )
            products = product if products is None else products + product
    return products


def _apply_total(
    optimizer: keras.optimizers.Optimizer, pairs: task_gradients.Pairs
) -> None:
    """Gives an optimizer of one gradient what all replicas have made."""
    reached = [number for number, (g, _) in enumerate(pairs) if g is not None]
    summed = replicas.zero_but_on_first(
        # Keras sums as well, but clips what each replica has before that.
        replicas.sum_over_replicas([pairs[number][0] for number in reached])
    )
    gradients: list[Any] = [None] * len(pairs)
    for number, gradient in zip(reached, summed, strict=True):
        gradients[number] = gradient
    optimizer.apply(gradients, [variable for _, variable in pairs])


def _unscaled(
    pairs: task_gradients.Pairs, scale: tf.Tensor | None
) -> list[tf.Tensor | None]:
    return [
        None
        if gradient is None
        else tf.convert_to_tensor(gradient)
        if scale is None
        else tf.convert_to_tensor(gradient) / scale
        for gradient, _ in pairs
    ]


def _add_up(pairs: task_gradients.Pairs) -> task_gradients.Pairs:
    """Adds the gradients of each variable; those that are None are nothing."""
    sums: dict[int, tuple[Any, keras.Variable]] = {}
    for gradient, variable in pairs:
        if gradient is None:
            continue
        if id(variable) in sums:
            gradient = tf.convert_to_tensor(sums[id(variable)][0]) + gradient
        sums[id(variable)] = (gradient, variable)
    return list(sums.values())

"""The step of trust-region policy optimization."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.gradients import batched, gramian
from tfmeta.layers import arguments
from tfmeta.optimizers import task_gradient_optimizer
from tfmeta.rl import (
    policies,
    policy_losses,
    policy_steps,
    run_checkpoints,
)

Vector = list[tf.Tensor]
"""A vector in pieces, with the shapes of the weights."""

Evaluate = Callable[[Vector], tuple[tf.Tensor, tf.Tensor]]
"""From weights to a loss and a divergence, both scalars."""


class TrustRegion:
    """The largest step of the natural gradient that stays near: TRPO.

    A `PolicyStep` (Schulman et al. 2015, appendix C): the direction is F^-1 g
    by conjugate gradients, with F the Fisher information of the policy; its
    length is where the mean KL(old || new) reaches `max_divergence`; and it is
    shortened until the loss falls within that.

    The losses of tasks are averaged. With `surgery`, such as `PCGrad(None)`, g
    is what it makes of one gradient for each task; all that follows is about
    the losses with the weights that it gave them.

    Attributes:
        settings: see `PolicyStep`.

    Args:
        max_divergence: of the new policy, in nats.
        surgery: an optimizer of task gradients without one inside, or None.
        conjugate_steps: iterations of conjugate gradients.
        damping: what is added to the diagonal of F.
        backtracks: how often the step may be shortened.
        shrinkage: by how much, each time.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(
        self,
        max_divergence: float = 0.01,
        surgery: task_gradient_optimizer.TaskGradientOptimizer | None = None,
        *,
        conjugate_steps: int = 10,
        damping: float = 1e-5,
        backtracks: int = 15,
        shrinkage: float = 0.8,
    ):
        arguments.check_positive(max_divergence=max_divergence)
        arguments.check_not_negative(damping=damping)
        arguments.check_positive_integers(
            conjugate_steps=conjugate_steps, backtracks=backtracks
        )
        arguments.check_shares(shrinkage=shrinkage)
        self.settings = {
            "max_divergence": max_divergence,
            "conjugate_steps": conjugate_steps,
            "damping": damping,
            "backtracks": backtracks,
            "shrinkage": shrinkage,
            "surgery": surgery and run_checkpoints.optimizer_settings(surgery),
        }
        self._max_divergence = max_divergence
        self._surgery = surgery
        self._conjugate_steps = conjugate_steps
        self._damping = damping
        self._backtracks = backtracks
        self._shrinkage = shrinkage

    @property
    def optimizer(self) -> Any:
        """See `PolicyStep`."""
        return self._surgery

    def prepare(self, variables: Sequence[keras.Variable], tasks: int) -> None:
        """See `PolicyStep`."""
        del variables
        if self._surgery is not None:
            self._surgery.num_tasks = tasks
            self._surgery.build([])

    def improve(
        self,
        distributions: policy_steps.Distributions,
        variables: Sequence[keras.Variable],
        batch: policy_losses.PolicyBatch,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """See `PolicyStep`."""
        del seed
        weights = list(map(tf.convert_to_tensor, variables))
        old = policies.Normal(
            *map(tf.stop_gradient, distributions(weights, batch.observation))
        )
        old_log_densities = old.log_density(batch.action)

        def losses_and_divergences(weights):
            new = distributions(weights, batch.observation)
            return policy_losses.importance_loss(
                new.log_density(batch.action),
                old_log_densities,
                batch.advantage,
            ), tf.reduce_mean(old.divergence(new), -1)

        factors = self._factors(
            losses_and_divergences, variables, batch.advantage.shape[0]
        )

        def evaluate(weights):
            losses, divergences = losses_and_divergences(weights)
            return tf.reduce_sum(factors * losses), tf.reduce_mean(divergences)

        found = self._search(evaluate, weights)
        for variable, value in zip(variables, found.weights, strict=True):
            variable.assign(value)
        return {
            "surrogate": found.loss,
            "entropy": tf.reduce_mean(old.entropy()),
            "divergence": found.divergence,
            "step_scale": found.scale,
        }

    def _factors(self, losses, variables, tasks: int) -> tf.Tensor:
        """Returns the weights of the losses, `[tasks]`."""
        if self._surgery is None:
            return tf.fill([tasks], 1.0 / tasks)
        gradients = batched.BatchedPass(
            losses, variables, tasks, by_task=True
        ).differentiate_tasks(None, tf.ones(()))
        return self._surgery.weigh(
            gramian.compute_gramian([each for each, _ in gradients.shared])
        )

    def _search(self, evaluate: Evaluate, weights: Vector) -> "_Found":
        """Returns better weights, or the old ones where there are none."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            old_loss, old_divergence = evaluate(weights)
        gradient = _dense(tape, old_loss, weights)

        def fisher(vector):
            return fisher_vector_product(
                lambda new: evaluate(new)[1],
                weights,
                vector,
                damping=self._damping,
            )

        direction, left = conjugate_gradients(
            fisher, gradient, steps=self._conjugate_steps
        )
        # F applied to the direction is the gradient but for what is left.
        curvature = _dot(direction, _add(gradient, left, -1.0))
        length = tf.sqrt(
            2 * self._max_divergence / tf.maximum(curvature, 1e-20)
        )

        def at(scale):
            return _add(weights, direction, -scale * length)

        def shorten(number, _):
            scale = self._shrinkage ** tf.cast(number, tf.float32)
            loss, divergence = evaluate(at(scale))
            # Both are False of a NaN.
            is_better = tf.logical_and(
                loss < old_loss, divergence <= self._max_divergence
            )
            return number + 1, (is_better, scale, loss, divergence)

        _, (is_better, *found) = tf.while_loop(
            lambda number, tried: tf.logical_and(
                number < self._backtracks, tf.logical_not(tried[0])
            ),
            shorten,
            (
                tf.constant(0),
                (tf.constant(False), tf.zeros(()), old_loss, old_divergence),
            ),
        )
        scale, loss, divergence = (
            tf.where(is_better, new, old)
            for new, old in zip(
                found, (tf.zeros(()), old_loss, old_divergence), strict=True
            )
        )
        # Not scale * direction alone: that may hold a NaN.
        better = [
            tf.where(is_better, new, weight)
            for new, weight in zip(at(scale), weights, strict=True)
        ]
        return _Found(better, scale, loss, divergence)


class _Found(NamedTuple):
    weights: Vector
    scale: tf.Tensor
    loss: tf.Tensor
    divergence: tf.Tensor


def fisher_vector_product(
    divergence: Callable[[Vector], tf.Tensor],
    weights: Vector,
    vector: Vector,
    *,
    damping: float = 0.0,
) -> Vector:
    """Returns `(F + damping) v`, with F the Hessian of a divergence.

    Where the divergence is 0, that is the Fisher information.

    Args:
        divergence: from weights to a scalar.
        weights: where.
        vector: v.
        damping: see above.
    """
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(weights)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(weights)
            value = divergence(weights)
        product = _dot(_dense(inner, value, weights), vector)
    return [
        part + damping * along
        for part, along in zip(
            _dense(outer, product, weights), vector, strict=True
        )
    ]


def conjugate_gradients(
    product: Callable[[Vector], Vector],
    target: Vector,
    *,
    steps: int,
    tolerance: float = 1e-10,
) -> tuple[Vector, Vector]:
    """Solves `A x = target` for a positive definite A.

    Args:
        product: from v to A v.
        target: the right side.
        steps: iterations at most.
        tolerance: the squared norm of what is left at which it stops.

    Returns:
        x, nearly, and what is left of the target, `target - A x`.
    """

    def go_on(number, solution, left, along, size):
        del solution, left, along
        return tf.logical_and(number < steps, size > tolerance)

    def one(number, solution, left, along, size):
        image = product(along)
        rate = size / _dot(along, image)
        solution = _add(solution, along, rate)
        left = _add(left, image, -rate)
        new_size = _dot(left, left)
        along = _add(left, along, new_size / size)
        return number + 1, solution, left, along, new_size

    _, solution, left, _, _ = tf.while_loop(
        go_on,
        one,
        (
            tf.constant(0),
            [tf.zeros_like(part) for part in target],
            target,
            target,
            _dot(target, target),
        ),
    )
    return solution, left


def _dense(tape, value, weights: Vector) -> Vector:
    return tape.gradient(value, weights, unconnected_gradients="zero")


def _dot(first: Vector, second: Vector) -> tf.Tensor:
    return tf.add_n(
        [tf.reduce_sum(a * b) for a, b in zip(first, second, strict=True)]
    )


def _add(first: Vector, second: Vector, rate: tf.Tensor) -> Vector:
    return [a + rate * b for a, b in zip(first, second, strict=True)]

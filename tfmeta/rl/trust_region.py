"""The step of trust-region policy optimization."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.gradients import batched, gramian
from tfmeta.layers import arguments
from tfmeta.optimizers import task_gradient_optimizer
from tfmeta.rl import policies, policy_losses, policy_steps

Vector = list[tf.Tensor]
"""A vector in pieces, with the shapes of the weights."""


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
            "surgery": surgery and keras.optimizers.serialize(surgery),
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

        def losses(weights):
            return policy_losses.importance_loss(
                distributions(weights, batch.observation).log_density(
                    batch.action
                ),
                old_log_densities,
                batch.advantage,
            )

        factors = self._factors(losses, variables, batch.advantage.shape[0])

        def loss(weights):
            return tf.reduce_sum(factors * losses(weights))

        def divergence(weights):
            new = distributions(weights, batch.observation)
            return tf.reduce_mean(old.divergence(new))

        new_weights, scale = self._search(loss, divergence, weights)
        for variable, value in zip(variables, new_weights, strict=True):
            variable.assign(value)
        return {
            "surrogate": loss(new_weights),
            "entropy": tf.reduce_mean(old.entropy()),
            "divergence": divergence(new_weights),
            "step_scale": scale,
        }

    def _factors(self, losses, variables, tasks: int) -> tf.Tensor:
        """Returns the weights of the losses, `[tasks]`."""
        if self._surgery is None:
            return tf.fill([tasks], 1.0 / tasks)
        gradients = batched.BatchedPass(
            lambda weights: (losses(weights), ()),
            variables,
            tasks,
            by_task=True,
        ).differentiate_tasks(None, tf.ones(()))
        return self._surgery.weigh(
            gramian.compute_gramian([each for each, _ in gradients.shared])
        )

    def _search(
        self,
        loss: Callable[[Vector], tf.Tensor],
        divergence: Callable[[Vector], tf.Tensor],
        weights: Vector,
    ) -> tuple[Vector, tf.Tensor]:
        """Returns better weights, or the old ones where there are none."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            old_loss = loss(weights)
        gradient = _dense(tape, old_loss, weights)

        def fisher(vector):
            return fisher_vector_product(
                divergence, weights, vector, damping=self._damping
            )

        direction = conjugate_gradients(
            fisher, gradient, steps=self._conjugate_steps
        )
        curvature = _dot(direction, fisher(direction))
        length = tf.sqrt(
            2 * self._max_divergence / tf.maximum(curvature, 1e-20)
        )

        def at(scale):
            return [
                weight - scale * length * part
                for weight, part in zip(weights, direction, strict=True)
            ]

        def falls(scale):
            new = at(scale)
            # Both are False of a NaN.
            return tf.logical_and(
                loss(new) < old_loss, divergence(new) <= self._max_divergence
            )

        number, found = tf.while_loop(
            lambda number, found: tf.logical_and(
                number < self._backtracks, tf.logical_not(found)
            ),
            lambda number, found: (
                number + 1,
                falls(self._shrinkage ** tf.cast(number, tf.float32)),
            ),
            (tf.constant(0), tf.constant(False)),
        )
        scale = tf.where(
            found, self._shrinkage ** tf.cast(number - 1, tf.float32), 0.0
        )
        # Not scale * direction alone: that may hold a NaN.
        return [
            tf.where(found, new, weight)
            for new, weight in zip(at(scale), weights, strict=True)
        ], scale


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
) -> Vector:
    """Solves `A x = target` for a positive definite A.

    Args:
        product: from v to A v.
        target: the right side.
        steps: iterations at most.
        tolerance: the squared norm of what is left at which it stops.

    Returns:
        x, nearly.
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

    return tf.while_loop(
        go_on,
        one,
        (
            tf.constant(0),
            [tf.zeros_like(part) for part in target],
            target,
            target,
            _dot(target, target),
        ),
    )[1]


def _dense(tape, value, weights: Vector) -> Vector:
    return tape.gradient(value, weights, unconnected_gradients="zero")


def _dot(first: Vector, second: Vector) -> tf.Tensor:
    return tf.add_n(
        [tf.reduce_sum(a * b) for a, b in zip(first, second, strict=True)]
    )


def _add(first: Vector, second: Vector, rate: tf.Tensor) -> Vector:
    return [a + rate * b for a, b in zip(first, second, strict=True)]

"""How a loss curves along the steps that are made on it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.gradients import replicas


class StepCurvature:
    """Measures the curvature of a loss L along each step.

    The multi-task curvature as Yu et al. 2020 (section 5.3, figure 4) estimate
    it: for a step of any optimizer from theta to theta + d,

        H = 2 (L(theta + d) - L(theta) - grad L(theta) . d).

    By Taylor's theorem it is `d^T A d` with L's Hessian A at a point between:
    positive where the gradient promised more than the step kept. It shrinks
    with the square of the step. The directional sharpness `H / |d|^2` does not:
    it is L's second derivative in the step's direction, which `l` of the
    paper's Theorem 2 bounds from below.

    H is a small difference of losses: of steps that change the loss by less
    than about a millionth of it, single precision shows noise.
    """

    def __init__(self):
        # As it is no state, nothing is to track or to save it.
        self._last = tf.Variable(
            [float("nan")] * 2,
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="last_curvature",
        )

    @property
    def last(self) -> tf.Variable:
        """Variable `[2]`: the last step's H and directional sharpness.

        NaN before the first step, and where a step was skipped.
        """
        return self._last

    def start(
        self,
        variables: Sequence[keras.Variable],
        loss: tf.Tensor,
        gradients: Sequence[Any],
    ) -> "Step":
        """Takes note of where a step starts.

        Args:
            variables: all variables that the step changes and L depends on.
            loss: scalar, L on the step's batch; of several replicas, this one's
                share, so that their sum is L.
            gradients: its gradients, None for a variable without one.

        Returns:
            What to finish after the step.
        """
        values = [tf.convert_to_tensor(variable) for variable in variables]
        return Step(self._last, variables, values, loss, gradients)


class Step(NamedTuple):
    """A step under way, see `StepCurvature.start`."""

    last: tf.Variable
    variables: Sequence[keras.Variable]
    values: Sequence[tf.Tensor]
    loss: tf.Tensor
    gradients: Sequence[Any]

    def finish(self, loss: tf.Tensor) -> None:
        """Measures the step that was made.

        Args:
            loss: scalar, L (or this replica's share) on the same batch after
                the step.
        """
        slope, square = tf.zeros(()), tf.zeros(())
        for variable, value, gradient in zip(
            self.variables, self.values, self.gradients, strict=True
        ):
            move = tf.convert_to_tensor(variable) - value
            square += tf.cast(tf.reduce_sum(move**2), tf.float32)
            if gradient is not None:
                slope += tf.cast(
                    tf.reduce_sum(tf.convert_to_tensor(gradient) * move),
                    tf.float32,
                )
        change = tf.cast(loss - self.loss, tf.float32)
        curvature = 2 * replicas.sum_over_replicas(change - slope)
        self.last.assign(tf.stack([curvature, curvature / square]))

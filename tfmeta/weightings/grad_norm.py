"""Weights that bring the tasks' gradients to a common scale."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.weightings import adam_moments, weighting

_LEAST_WEIGHT = 1e-4


@keras.saving.register_keras_serializable("tfmeta")
class GradNorm(weighting.Weighting):
    """Gradient normalization (Chen et al. 2018, algorithm 1).

    With `G_i` the norm of the gradient of `w_i L_i` and `r_i` the task's share
    of its initial loss relative to the tasks' mean share, each step moves the
    weights by Adam on `sum_i |G_i - mean(G) r_i^alpha|`, where `mean(G)
    r_i^alpha` is a constant, and scales them to sum to T. They start at 1.

    A task without examples in a batch, whose loss is 0, is no part of the
    batch's means; its initial loss is the first one that is not 0.

    The gradients are those of all variables that tasks share, which the paper
    takes of the last shared layer alone to save time; a model that does surgery
    has them anyway. Without surgery the step takes T backward passes.

    Args:
        alpha: how strongly tasks that learn slowly are favoured; 0 asks for
            equal norms. The paper's is 1.5 for NYUv2, .12 for its toy problem.
        learning_rate: Adam's, for the weights.
        **kwargs: see `Weighting`.

    Raises:
        InputError: if `alpha` is negative or the rate not above 0.
    """

    needs_gradient_norms = True

    def __init__(
        self, alpha: float = 1.5, learning_rate: float = 0.025, **kwargs
    ):
        super().__init__(**kwargs)
        if not alpha >= 0:
            raise errors.InputError(
                f"alpha={alpha}: expected a number not below 0"
            )
        if not learning_rate > 0:
            raise errors.InputError(
                f"learning_rate={learning_rate}: expected a number above 0"
            )
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.moments = adam_moments.AdamMoments(dtype=self.dtype_policy)

    def build(self, input_shape):
        """Makes the weights, and the losses that ratios refer to."""
        super().build(input_shape)
        self.moments.build(input_shape)
        self.task_weights = self.add_state("task_weights", "ones")
        self.initial_losses = self.add_state("initial_losses")

    def call(self, losses):
        """Returns the weights as they are."""
        del losses
        return tf.convert_to_tensor(self.task_weights)

    def update(self, losses, *, gradient_norms, new_losses):
        """Moves the weights."""
        del new_losses
        initial_losses = tf.where(
            tf.equal(self.initial_losses, 0), losses, self.initial_losses
        )
        # One below zero has fallen as far as a ratio can tell.
        shares = tf.maximum(tf.math.divide_no_nan(losses, initial_losses), 0)
        norms = self.task_weights * gradient_norms
        # The means are those of the tasks that the batch holds.
        held = weighting.are_held(losses)
        to_mean = self.num_tasks / tf.maximum(
            tf.reduce_sum(tf.cast(held, losses.dtype)), 1
        )
        rates = tf.math.divide_no_nan(shares, tf.reduce_mean(shares) * to_mean)
        targets = tf.reduce_mean(norms) * to_mean * rates**self.alpha
        gradient = gradient_norms * tf.sign(norms - targets)
        weights = self.task_weights - self.learning_rate * self.moments(
            gradient
        )
        # A step may be longer than a weight, which is to stay positive.
        weights = tf.maximum(weights, _LEAST_WEIGHT)
        self.initial_losses.assign(initial_losses)
        self.task_weights.assign(
            self.num_tasks * weights / tf.reduce_sum(weights)
        )

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "alpha": self.alpha,
            "learning_rate": self.learning_rate,
        }

"""Weights under which all losses fall at the same relative rate."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.weightings import adam_moments, weighting

_EPSILON = 1e-8


@keras.saving.register_keras_serializable("tfmeta")
class FAMO(weighting.Weighting):
    """Fast adaptive multitask optimization (Liu et al. 2023, algorithm 1).

    The step descends `sum_i z_i log L_i` with `z = softmax(logits)`, scaled
    such that the weights `z_i / L_i` sum to 1. A second forward pass of the
    same batch then shows how far each logarithm fell, `delta_i = log L_i - log
    L_i'`, and the logits descend `sum_i delta_i z_i`, plus a decay, by Adam, as
    in the authors' code. Losses have to be positive. The second pass is one of
    training, too: it draws dropout anew and moves batch statistics once more.

    Args:
        learning_rate: Adam's, for the logits.
        decay: the paper's gamma, which holds the logits near 0.
        **kwargs: see `Weighting`.

    Raises:
        InputError: if the rate is not above 0 or the decay is negative.
    """

    needs_new_losses = True

    def __init__(
        self, learning_rate: float = 0.025, decay: float = 0.01, **kwargs
    ):
        super().__init__(**kwargs)
        if not learning_rate > 0:
            raise errors.InputError(
                f"learning_rate={learning_rate}: expected a number above 0"
            )
        if not decay >= 0:
            raise errors.InputError(
                f"decay={decay}: expected a number not below 0"
            )
        self.learning_rate = learning_rate
        self.decay = decay
        self.moments = adam_moments.AdamMoments(dtype=self.dtype_policy)

    def build(self, input_shape):
        """Makes the logits."""
        super().build(input_shape)
        self.moments.build(input_shape)
        self.logits = self.add_state("logits")

    def call(self, losses):
        """Returns `z_i / L_i`, scaled to sum to 1.

        A task that the batch holds no examples of, whose loss is 0, has weight
        0, not all of it.
        """
        weights = tf.where(
            weighting.are_held(losses),
            tf.nn.softmax(self.logits) / (losses + _EPSILON),
            0,
        )
        return tf.math.divide_no_nan(weights, tf.reduce_sum(weights))

    def update(self, losses, *, gradient_norms, new_losses):
        """Moves the logits."""
        del gradient_norms
        falls = tf.math.log(losses + _EPSILON) - tf.math.log(
            new_losses + _EPSILON
        )
        z = tf.nn.softmax(self.logits)
        gradient = z * (falls - tf.reduce_sum(z * falls))
        step = self.moments(gradient + self.decay * self.logits)
        self.logits.assign_sub(self.learning_rate * step)

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "learning_rate": self.learning_rate,
            "decay": self.decay,
        }

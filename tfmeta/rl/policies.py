"""Distributions over actions, as functions of what a policy's network says."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

# Of the logarithm of a standard deviation, as in SAC's code.
LOG_SCALES = (-20.0, 2.0)


class SquashedNormal(NamedTuple):
    """A normal distribution whose draws go through the tangent hyperbolic.

    So actions are in (-1, 1) (Haarnoja et al. 2018, appendix C).

    Attributes:
        mean: before it is squashed, `[..., actions]`.
        log_scale: logarithm of the standard deviation, likewise.
    """

    mean: tf.Tensor
    log_scale: tf.Tensor

    @classmethod
    def of(cls, outputs: tf.Tensor) -> "SquashedNormal":
        """Reads the outputs of a network.

        Args:
            outputs: `[..., 2 actions]`, means and logarithms of scales; the
                latter are clipped to `LOG_SCALES`.
        """
        mean, log_scale = tf.split(outputs, 2, axis=-1)
        return cls(mean, tf.clip_by_value(log_scale, *LOG_SCALES))

    def draw(self, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns actions and their log-densities.

        Args:
            noise: standard normal, `[..., actions]`: a draw is a function of
                it, so that gradients go through.

        Returns:
            `[..., actions]` and `[...]`.
        """
        raw = self.mean + tf.exp(self.log_scale) * noise
        of_raw = -0.5 * noise**2 - self.log_scale - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(raw)^2), without loss of digits where it is near 0.
        squashing = 2 * (math.log(2) - raw - tf.nn.softplus(-2 * raw))
        return tf.tanh(raw), tf.reduce_sum(of_raw - squashing, axis=-1)

    def mode(self) -> tf.Tensor:
        """Returns the squashed means, `[..., actions]`."""
        return tf.tanh(self.mean)


def perceptron(
    inputs: int, outputs: int, hidden: tuple[int, ...], *, name: str
) -> keras.Model:
    """Builds what agents have by default: a multi-layer perceptron with ReLU.

    Args:
        inputs: numbers in.
        outputs: numbers out.
        hidden: units of each hidden layer.
        name: of the model.
    """
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            *(
                keras.layers.Dense(units, activation="relu", name=f"hidden{n}")
                for n, units in enumerate(hidden, start=1)
            ),
            keras.layers.Dense(outputs, name="head"),
        ],
        name=name,
    )

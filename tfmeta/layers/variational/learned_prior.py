"""A prior whose width is learned: empirical Bayes."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from tfmeta.layers import arguments
from tfmeta.layers.variational import lazy_distributions as tfd


@keras.saving.register_keras_serializable("tfmeta")
class LearnedNormalPrior:
    """A normal prior `N(0, s^2)` of a kernel's weights, with one learned s.

    Only the divergence trains s. Its optimum is the root mean square of the
    posterior's draws, so that the divergence does not depend on the weights'
    common scale, but on how they differ (empirical Bayes; MacKay 1992, "A
    Practical Bayesian Framework for Backpropagation Networks", section 4).

    Args:
        initial_scale: s at the start.

    Raises:
        InputError: if `initial_scale` is not positive.
    """

    def __init__(self, initial_scale: float = 0.1):
        arguments.check_positive(initial_scale=initial_scale)
        self._initial_scale = initial_scale

    def __call__(
        self,
        dtype,
        shape,
        name: str,
        trainable: bool,
        add_variable_fn: Callable,
    ) -> tfd.Distribution:
        """Returns the prior of a weight, see `tfp.layers`."""
        log_scale = add_variable_fn(
            name=f"{name}_log_scale",
            shape=(),
            initializer=keras.initializers.Constant(
                math.log(self._initial_scale)
            ),
            dtype=dtype,
            trainable=trainable,
        )
        return tfd.Independent(
            tfd.Normal(tf.zeros(shape, dtype), tf.exp(log_scale)),
            reinterpreted_batch_ndims=len(shape),
        )

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"initial_scale": self._initial_scale}

    @classmethod
    def from_config(cls, config):
        """Rebuilds the prior from `get_config`."""
        return cls(**config)

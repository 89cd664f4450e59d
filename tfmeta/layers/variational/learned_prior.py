"""A prior whose width is learned: empirical Bayes."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers.variational import lazy_distributions as tfd


@keras.saving.register_keras_serializable("tfmeta")
class LearnedNormalPrior:
    """A normal prior `N(0, s^2)` for each weight, with one learned s a kernel.

    The divergence alone trains s, whose optimum is the root mean square of the
    posterior's draws, so that a posterior pays for what its weights differ in
    and not for their common scale (empirical Bayes; MacKay 1992, "A Practical
    Bayesian Framework for Backpropagation Networks", section 4).

    Args:
        initial_scale: s at the start.

    Raises:
        InputError: if `initial_scale` is not positive.
    """

    def __init__(self, initial_scale: float = 0.1):
        if not initial_scale > 0:
            raise errors.InputError(
                f"initial_scale={initial_scale}: expected a positive number"
            )
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

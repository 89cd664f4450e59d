"""Posteriors, priors and divergences of variational layers.

They have the signatures of TensorFlow Probability's layer utilities, return its
distributions, and are saved with a Keras model.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfmeta.layers import arguments
from tfmeta.layers.variational import lazy_distributions as tfd


class _Configurable:
    """Has its constructor's arguments saved, which are in `_config`."""

    _config: dict

    def get_config(self):
        """Returns the constructor's arguments."""
        return dict(self._config)

    @classmethod
    def from_config(cls, config):
        """Rebuilds the object from `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable("tfmeta")
class MeanFieldNormal(_Configurable):
    """A trainable normal posterior, independent for each weight.

    `sigma = eps + softplus(untransformed_scale)`. The defaults are those of
    `tfp.layers.default_mean_field_normal_fn`.

    Args:
        loc_initializer: Keras initializer of the means.
        initial_scale: sigma at the start; by default `untransformed_scale` is
            drawn from N(-3, .1^2), so that sigma is about .05.
        is_singular: whether the posterior is a point mass at its mean.

    Raises:
        InputError: if `initial_scale` is not positive.
    """

    def __init__(
        self,
        loc_initializer="default",
        initial_scale: float | None = None,
        is_singular: bool = False,
    ):
        if initial_scale is not None:
            arguments.check_positive(initial_scale=initial_scale)
        self._config = {
            "loc_initializer": loc_initializer,
            "initial_scale": initial_scale,
            "is_singular": is_singular,
        }
        self._loc_initializer = (
            keras.initializers.RandomNormal(stddev=0.1)
            if loc_initializer == "default"
            else keras.initializers.get(loc_initializer)
        )
        if initial_scale is None:
            self._scale_initializer = keras.initializers.RandomNormal(-3.0, 0.1)
        else:
            self._scale_initializer = keras.initializers.Constant(
                # The inverse of softplus.
                initial_scale + float(np.log(-np.expm1(-initial_scale)))
            )
        self._is_singular = is_singular

    def __call__(
        self,
        dtype,
        shape,
        name: str,
        trainable: bool,
        add_variable_fn: Callable,
    ) -> tfd.Distribution:
        """Returns the posterior of a weight, see `tfp.layers`."""
        loc = add_variable_fn(
            name=f"{name}_loc",
            shape=shape,
            initializer=self._loc_initializer,
            dtype=dtype,
            trainable=trainable,
        )
        if self._is_singular:
            return _independent(tfd.Deterministic(loc), shape)
        untransformed_scale = add_variable_fn(
            name=f"{name}_untransformed_scale",
            shape=shape,
            initializer=self._scale_initializer,
            dtype=dtype,
            trainable=trainable,
        )
        epsilon = np.finfo(tf.as_dtype(dtype).as_numpy_dtype).eps
        scale = epsilon + tf.nn.softplus(untransformed_scale)
        return _independent(tfd.Normal(loc, scale), shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        config = super().get_config()
        if config["loc_initializer"] != "default":
            config["loc_initializer"] = keras.initializers.serialize(
                self._loc_initializer
            )
        return config


@keras.saving.register_keras_serializable("tfmeta")
class NormalPrior(_Configurable):
    """A fixed normal prior `N(0, scale^2)`, independent for each weight.

    With `scale` 1 it is `tfp.layers.default_multivariate_normal_fn`.

    Args:
        scale: standard deviation.

    Raises:
        InputError: if `scale` is not positive.
    """

    def __init__(self, scale: float = 1.0):
        arguments.check_positive(scale=scale)
        self._config = {"scale": scale}

    def __call__(
        self,
        dtype,
        shape,
        name: str,
        trainable: bool,
        add_variable_fn: Callable,
    ) -> tfd.Distribution:
        """Returns the prior of a weight, see `tfp.layers`."""
        del name, trainable, add_variable_fn
        scale = tf.constant(self._config["scale"], dtype)
        return _independent(tfd.Normal(tf.zeros(shape, dtype), scale), shape)


@keras.saving.register_keras_serializable("tfmeta")
class KLDivergence(_Configurable):
    """`weight * KL(q(theta) || p(theta))`, summed over the weights.

    TFP's closed form of the divergence is used, where it has one.

    Args:
        weight: beta of Yin et al. (2020), equation 5. With a training set of n
            examples, 1/n gives the evidence bound of a Bayesian network.

    Raises:
        InputError: if `weight` is negative.
    """

    def __init__(self, weight: float = 1.0):
        arguments.check_not_negative(weight=weight)
        self._config = {"weight": weight}

    def __call__(
        self, posterior: tfd.Distribution, prior: tfd.Distribution, weight_draw
    ) -> tf.Tensor:
        """Returns the weighted divergence, a scalar."""
        del weight_draw  # The signature is that of tfp.layers.
        return self._config["weight"] * tfd.kl_divergence(posterior, prior)


def _independent(distribution, shape) -> tfd.Distribution:
    """Returns one distribution of a whole weight: its KL is one number."""
    return tfd.Independent(distribution, reinterpreted_batch_ndims=len(shape))

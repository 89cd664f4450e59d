"""The ways in which variational layers draw: the estimators of gradients."""

from __future__ import annotations

import tensorflow as tf

from tfmeta.layers.variational import base
from tfmeta.layers.variational import lazy_distributions as tfd


class Reparameterization(base.VariationalLayer):
    """Draws one kernel for all examples of a call (Kingma & Welling 2014)."""

    def draw_weights(self, seed):
        """Draws kernel and bias, see `VariationalLayer`."""
        return {
            weight: self._draw(weight, self.posterior(weight), weight_seed)
            for weight, weight_seed in zip(
                ("kernel", "bias"), self._split(seed), strict=True
            )
            if weight in self._shapes
        }

    def _product(self, inputs, seed, given):
        kernel = self._weight("kernel", seed, given)
        return self._multiply(inputs, tf.cast(kernel, inputs.dtype))


class LocalReparameterization(base.VariationalLayer):
    """Draws the product instead of the kernel (Kingma et al. 2015).

    Each example has its own noise, so that the gradient varies less. The
    kernel's posterior has to be independent and normal.
    """

    def _product(self, inputs, seed, given):
        loc, scale = self._normal_kernel(inputs.dtype, given)
        mean = self._multiply(inputs, loc)
        if seed is None:
            return mean
        variance = self._multiply(tf.square(inputs), tf.square(scale))
        # The root's derivative is infinite where all inputs are zero.
        positive = variance > 0
        root = tf.sqrt(tf.where(positive, variance, 1))
        product = tfd.Normal(mean, tf.where(positive, root, 0))
        return self._draw("kernel", product, seed)


class Flipout(base.VariationalLayer):
    """Draws one kernel, and random signs for each example (Wen et al. 2018).

    So the noise of different examples is uncorrelated, at the price of two
    products. The kernel's posterior has to be independent and normal.
    """

    def _product(self, inputs, seed, given):
        loc, scale = self._normal_kernel(inputs.dtype, given)
        mean = self._multiply(inputs, loc)
        if seed is None:
            return mean
        noise_seed, in_seed, out_seed = tf.unstack(tf.random.split(seed, 3))
        perturbation = self._draw(
            "kernel", tfd.Normal(tf.zeros_like(loc), scale), noise_seed
        )
        signed = inputs * self._signs(inputs, in_seed)
        return mean + self._signs(mean, out_seed) * self._multiply(
            signed, perturbation
        )

    def _signs(self, values, seed):
        zero_or_one = tf.random.stateless_uniform(
            self._sign_shape(values), seed, 0, 2, tf.int32
        )
        return tf.cast(2 * zero_or_one - 1, values.dtype)

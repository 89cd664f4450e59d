"""Batch normalization in few passes over memory, right to second order.

TensorFlow has fused kernels for batch normalization and for its gradient, but
the derivative of that gradient is a composition of many small operations. Here
it is written with the fused kernels and their results. So a second-order step
is faster, and takes less memory, than with moments by plain operations.
"""

from typing import NamedTuple

import tensorflow as tf

_MOMENT_AXES = (0, 1, 2)


class _Moments(NamedTuple):
    """Statistics of each channel, and the reserved outputs of the kernel."""

    mean: tf.Tensor
    inverse_deviation: tf.Tensor
    reserved: tuple[tf.Tensor, ...]


def batch_normalize(
    images: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *, epsilon: float
) -> tf.Tensor:
    """Normalizes channels by the moments of the batch (Ioffe & Szegedy 2015).

    With `xhat = (x - mean) / sqrt(variance + epsilon)`, returns
    `gamma xhat + beta`. First and second derivatives are exact.

    Args:
        images: `[batch, height, width, channels]`, float32.
        gamma: `[channels]`.
        beta: `[channels]`.
        epsilon: added to the variance.

    Returns:
        The normalized images.
    """

    @tf.custom_gradient
    def normalize(images, gamma, beta):
        result = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=gamma,
            offset=beta,
            mean=tf.zeros((0,), images.dtype),
            variance=tf.zeros((0,), images.dtype),
            epsilon=epsilon,
            is_training=True,
        )
        count = _count(images)
        # The kernel returns the unbiased variance.
        variance = result.batch_variance * tf.maximum(count - 1, 1) / count
        moments = _Moments(
            result.batch_mean,
            tf.math.rsqrt(variance + epsilon),
            result[3:],
        )

        def gradient(upstream):
            return _gradient(images, gamma, upstream, moments, epsilon)

        return result.y, gradient

    return normalize(images, gamma, beta)


def _gradient(images, gamma, upstream, moments: _Moments, epsilon: float):
    """Returns the gradients for images, gamma and beta; differentiable."""

    def kernel(upstream):
        return tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=upstream,
            x=images,
            scale=gamma,
            reserve_space_1=moments.reserved[0],
            reserve_space_2=moments.reserved[1],
            reserve_space_3=moments.reserved[2],
            epsilon=epsilon,
            is_training=True,
        )[:3]

    @tf.custom_gradient
    def backward(images, gamma, upstream):
        images_gradient, gamma_gradient, beta_gradient = kernel(upstream)

        def second(d_images, d_gamma, d_beta):
            # With g = upstream, u = d_images, r = 1 / deviation and E the mean
            # over the batch, the kernel computes
            #   dx = gamma r (g - E[g] - xhat E[g xhat]).
            # As a map of g it is self-adjoint, so the kernel also maps u.
            projected, gamma_of_u, beta_of_u = kernel(d_images)
            count = _count(images)
            mean, r = moments.mean, moments.inverse_deviation
            mean_g, mean_g_xhat = beta_gradient / count, gamma_gradient / count
            mean_u, mean_u_xhat = beta_of_u / count, gamma_of_u / count
            mean_u_g = tf.reduce_sum(d_images * upstream, _MOMENT_AXES) / count
            correlation = mean_u_g - mean_u * mean_g - mean_u_xhat * mean_g_xhat
            upstream_gradient = projected + _affine(
                images, d_gamma * r, d_beta - d_gamma * r * mean
            )
            # The cotangent of xhat is h = of_g g + of_u u. It passes through
            # the normalization as g does above; r has a cotangent, too.
            of_g = d_gamma - gamma * r * mean_u_xhat
            of_u = -gamma * r * mean_g_xhat
            mean_h = of_g * mean_g + of_u * mean_u
            mean_h_xhat = of_g * mean_g_xhat + of_u * mean_u_xhat
            of_xhat = -mean_h_xhat - gamma * r * correlation
            of_images = r * r * of_xhat
            images_second = tf.add_n(
                [
                    upstream * (r * of_g),
                    d_images * (r * of_u),
                    _affine(images, of_images, -r * mean_h - of_images * mean),
                ]
            )
            return images_second, count * r * correlation, upstream_gradient

        return (images_gradient, gamma_gradient, beta_gradient), second

    return backward(images, gamma, upstream)


def _affine(images, scale, shift):
    return images * scale + shift


def _count(images) -> tf.Tensor:
    """Returns the number of values of a channel."""
    return tf.cast(tf.reduce_prod(tf.shape(images)[:-1]), images.dtype)

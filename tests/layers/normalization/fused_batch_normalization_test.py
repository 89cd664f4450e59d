"""Fused batch normalization against open moments in float64."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.layers.normalization import fused_batch_normalization

_EPSILON = 1e-3
_NAMES = (
    "outputs",
    "gradient of images",
    "gradient of gamma",
    "gradient of beta",
    "second gradient of images",
    "second gradient of gamma",
    "second gradient of upstream",
)


def _open_moments(images, gamma, beta):
    centered = images - tf.reduce_mean(images, (0, 1, 2))
    variance = tf.reduce_mean(tf.square(centered), (0, 1, 2))
    return centered * tf.math.rsqrt(variance + _EPSILON) * gamma + beta


def _fused(images, gamma, beta):
    return fused_batch_normalization.batch_normalize(
        images, gamma, beta, epsilon=_EPSILON
    )


def _derivatives(normalize, shape, dtype):
    """Returns what `_NAMES` names, at a point drawn from a fixed seed."""
    rng = np.random.default_rng(0)
    channels = shape[-1]

    def draw(*shape):
        return tf.constant(rng.normal(1.0, 2.0, shape), dtype)

    images, upstream, of_images = (draw(*shape) for _ in range(3))
    gamma, beta, of_gamma, of_beta = (draw(channels) for _ in range(4))
    with tf.GradientTape() as outer:
        outer.watch((images, gamma, upstream))
        with tf.GradientTape() as inner:
            inner.watch((images, gamma, beta))
            outputs = normalize(images, gamma, beta)
            inner_loss = tf.reduce_sum(outputs * upstream)
        gradients = inner.gradient(inner_loss, (images, gamma, beta))
        # The sine makes what comes from above depend on the gradients.
        outer_loss = tf.add_n(
            [
                tf.reduce_sum(tf.sin(gradient) * weight)
                for gradient, weight in zip(
                    gradients, (of_images, of_gamma, of_beta), strict=True
                )
            ]
        )
    second = outer.gradient(outer_loss, (images, gamma, upstream))
    return [outputs, *gradients, *second]


class FusedBatchNormalizationTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("small", (5, 4, 3, 6), False),
        ("one_pixel", (8, 1, 1, 7), False),
        ("many_channels", (3, 5, 5, 64), False),
        ("compiled", (5, 4, 3, 6), True),
    )
    def test_agrees_to_second_order(self, shape, jit_compile):
        derivatives = tf.function(_derivatives, jit_compile=jit_compile)
        actual = derivatives(_fused, shape, tf.float32)
        expected = _derivatives(_open_moments, shape, tf.float64)
        for name, one, other in zip(_NAMES, actual, expected, strict=True):
            with self.subTest(name):
                one, other = one.numpy(), other.numpy()
                error = np.linalg.norm(one - other) / np.linalg.norm(other)
                self.assertLess(error, 2e-5)

    def test_one_value_for_each_channel_is_normalized_to_beta(self):
        outputs, *derivatives = _derivatives(_fused, (1, 1, 1, 4), tf.float32)
        reference, *_ = _derivatives(_open_moments, (1, 1, 1, 4), tf.float32)
        np.testing.assert_allclose(outputs, reference)
        for derivative in derivatives:
            self.assertTrue(np.isfinite(derivative).all())


if __name__ == "__main__":
    absltest.main()

"""Normalization by the statistics of the current batch or example.

`tf.nn.moments` stops the gradient of the mean inside the variance
(tensorflow/python/ops/nn_impl.py), and Keras' BatchNormalization,
LayerNormalization and GroupNormalization use it. First derivatives are right
all the same, but second ones, which gradient-based meta-learners need, are
wrong. These layers compute their moments by plain operations, or by
`fused_batch_normalization`, whose second derivatives are right.
"""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers.normalization import fused_batch_normalization


class _TaskNormalization(keras.Layer):
    """Subtracts a mean, divides by a deviation, scales and shifts.

    Args:
        axis: the axis of channels or features, along which `gamma` and `beta`
            lie.
        epsilon: is added to the variance.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        **kwargs: see `keras.Layer`.
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.gamma = None
        self.beta = None

    def build(self, input_shape):
        """Makes `gamma` and `beta`.

        Raises:
            InputError: if the size of `axis` is not known.
        """
        rank = len(input_shape)
        known = -rank <= self.axis < rank
        if not known or input_shape[self.axis] is None:
            raise errors.InputError(
                f"axis={self.axis}: expected an axis of known size, got inputs "
                f"of shape {tuple(input_shape)}"
            )
        size = (input_shape[self.axis],)
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma", shape=size, initializer="ones", autocast=False
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta", shape=size, initializer="zeros", autocast=False
            )

    def call(self, inputs):
        """Returns the normalized inputs, of the same shape."""
        # Moments are in full precision, also where the layer computes in less.
        values = tf.cast(inputs, self.variable_dtype)
        outputs = self._normalize(values, self.axis % len(inputs.shape))
        return tf.cast(outputs, self.compute_dtype)

    def _normalize(self, values: tf.Tensor, axis: int) -> tf.Tensor:
        """Normalizes values by moments over `_moment_axes`."""
        rank = len(values.shape)
        channels = [1] * rank
        channels[axis] = values.shape[axis]
        axes = self._moment_axes(rank, axis)
        centered = values - tf.reduce_mean(values, axes, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axes, keepdims=True)
        multiplier = tf.math.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            multiplier *= tf.reshape(self.gamma, channels)
        outputs = centered * multiplier
        if self.beta is not None:
            outputs += tf.reshape(self.beta, channels)
        return outputs

    def _moment_axes(self, rank: int, axis: int) -> list[int]:
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        """Returns the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
        }


@keras.saving.register_keras_serializable("tfmeta")
class TaskBatchNormalization(_TaskNormalization):
    """Batch normalization by the current batch, in training and at test.

    Within a learner a batch is the support set or the query set of one task.
    There are no moving averages, for they would mix tasks. So predictions are
    transductive: they depend on the other examples of the query set, as in MAML
    (Finn et al. 2017).

    Images in float32, channels last, take TensorFlow's fused kernels.

    Args:
        axis: the axis of channels or features.
        epsilon: is added to the variance.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        **kwargs: see `keras.Layer`.
    """

    def _normalize(self, values, axis):
        images = len(values.shape) == 4 and axis == 3
        if not (images and values.dtype == tf.float32):
            return super()._normalize(values, axis)
        size = (values.shape[axis],)
        return fused_batch_normalization.batch_normalize(
            values,
            tf.ones(size)
            if self.gamma is None
            else tf.convert_to_tensor(self.gamma),
            tf.zeros(size)
            if self.beta is None
            else tf.convert_to_tensor(self.beta),
            epsilon=self.epsilon,
        )

    def _moment_axes(self, rank, axis):
        return [other for other in range(rank) if other != axis]


@keras.saving.register_keras_serializable("tfmeta")
class TaskLayerNormalization(_TaskNormalization):
    """Layer normalization (Ba et al. 2016) with right second derivatives.

    Each example is normalized by itself, along `axis`, so predictions do not
    depend on other examples.

    Args:
        axis: the axis of channels or features.
        epsilon: is added to the variance.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        **kwargs: see `keras.Layer`.
    """

    def _moment_axes(self, rank, axis):
        del rank
        return [axis]

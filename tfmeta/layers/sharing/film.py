"""Feature-wise linear modulation by a task or another condition."""

import keras
import tensorflow as tf

from tfmeta import errors


@keras.saving.register_keras_serializable("tfmeta")
class FiLM(keras.Layer):
    """Scales and shifts each channel by a condition (Perez et al. 2018, eq. 2).

    It takes `[features, condition]`: features `[batch, ..., channels]` and a
    condition `[batch, size]`, for instance the embedding of the task. It
    returns `gamma features + beta`, where gamma - 1 and beta are linear in the
    condition. A condition `[1, size]` holds for the whole batch.

    Args:
        kernel_initializer: initializer of the linear map. With zeros the layer
            returns the features as they are, at the start.
        **kwargs: see `keras.Layer`.
    """

    def __init__(self, kernel_initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        """Makes the map from the condition to gamma and beta.

        Raises:
            InputError: if the inputs are not features and a condition.
        """
        shapes = [tuple(shape) for shape in input_shape]
        if (
            len(shapes) != 2
            or len(shapes[0]) < 2
            or len(shapes[1]) != 2
            or shapes[0][-1] is None
        ):
            raise errors.InputError(
                f"inputs of {self.name}: expected features [batch, ..., "
                f"channels] and a condition [batch, size], got {input_shape}"
            )
        self.modulation = keras.layers.Dense(
            2 * shapes[0][-1],
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="modulation",
        )
        self.modulation.build(shapes[1])

    def call(self, inputs):
        """Returns the modulated features, of the same shape."""
        features, condition = inputs
        channels = features.shape[-1]
        modulation = tf.reshape(
            self.modulation(condition),
            (-1, *[1] * (len(features.shape) - 2), 2 * channels),
        )
        scale, shift = tf.split(modulation, 2, axis=-1)
        return features * (1 + scale) + shift

    def compute_output_shape(self, input_shape):
        """Returns the shape of the features."""
        return tuple(input_shape[0])

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            )
        }

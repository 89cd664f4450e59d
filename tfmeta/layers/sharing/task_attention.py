"""The attention module of MTAN: it masks shared features for one task."""

import keras
import tensorflow as tf

from tfmeta import errors


@keras.saving.register_keras_serializable("tfmeta")
class TaskAttention(keras.Layer):
    """Masks a stage's shared features for one task (Liu et al. 2019).

    It takes `[first, last]` or `[first, last, previous]`, all `[batch, height,
    width, channels]`, and returns `mask * last` (eq. 1). The shared features at
    the beginning and at the end of a stage are first and last; previous is the
    output of the task's module in the stage before, brought to this stage's
    size by a convolution that the tasks share. The mask, in [0, 1], is a
    function of first and previous: two convolutions of 1x1, with batch
    normalization, ReLU and sigmoid (eq. 2).

    Args:
        filters: channels between the two convolutions; those of `last` if
            None, as in the authors' code.
        **kwargs: see `keras.Layer`.
    """

    def __init__(self, filters: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        """Makes the mask's convolutions.

        Raises:
            InputError: if there are not two or three inputs, or these are not
                images of one height and width.
        """
        shapes = [tuple(shape) for shape in input_shape]
        if (
            len(shapes) not in (2, 3)
            or any(len(shape) != 4 for shape in shapes)
            or len({shape[1:3] for shape in shapes}) > 1
        ):
            raise errors.InputError(
                f"inputs of {self.name}: expected [first, last] or [first, "
                "last, previous], images of one height and width, got "
                f"{input_shape}"
            )
        channels = shapes[1][-1]
        filters = self.filters or channels
        self.mask_layers = [
            keras.layers.Conv2D(filters, 1, dtype=self.dtype_policy),
            keras.layers.BatchNormalization(dtype=self.dtype_policy),
            keras.layers.ReLU(dtype=self.dtype_policy),
            keras.layers.Conv2D(channels, 1, dtype=self.dtype_policy),
            keras.layers.BatchNormalization(dtype=self.dtype_policy),
            keras.layers.Activation("sigmoid", dtype=self.dtype_policy),
        ]
        shape = self._mask_input_shape(shapes)
        for layer in self.mask_layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def mask(self, inputs, training=False):
        """Returns the mask, of the shape of `last`."""
        first, _, *previous = inputs
        hidden = tf.concat([first, *previous], axis=-1)
        for layer in self.mask_layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                hidden = layer(hidden, training=training)
            else:
                hidden = layer(hidden)
        return hidden

    def call(self, inputs, training=False):
        """Returns `mask * last`."""
        return self.mask(inputs, training=training) * inputs[1]

    def compute_output_shape(self, input_shape):
        """Returns the shape of `last`."""
        return tuple(input_shape[1])

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {"filters": self.filters}

    def _mask_input_shape(self, shapes):
        """Returns the shape of first and previous, concatenated."""
        first, _, *previous = shapes
        channels = sum(shape[-1] for shape in (first, *previous))
        return (*first[:-1], channels)

"""Two-dimensional convolutions with a posterior over their weights."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments
from tfmeta.layers.variational import base, estimators


class _Convolution2D(base.VariationalLayer):
    """A convolution of images `[batch, height, width, channels]`.

    Args:
        filters: number of output channels.
        kernel_size: an integer or a pair.
        strides: an integer or a pair.
        padding: `"valid"` or `"same"`.
        data_format: only `"channels_last"`.
        dilation_rate: an integer or a pair.
        **kwargs: see `VariationalLayer`.

    Raises:
        InputError: if `data_format` or `padding` is none of these, a size is
            not positive, or strides and dilation are both above 1, which
            TensorFlow cannot do.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: int | tuple[int, int] = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if data_format != "channels_last":
            raise errors.InputError(
                f"data_format={data_format!r}: expected channels_last"
            )
        if str(padding).lower() not in ("valid", "same"):
            raise errors.InputError(
                f"padding={padding!r}: expected valid or same"
            )
        arguments.check_positive_integers(filters=filters)
        self.filters = filters
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = padding.lower()
        self.data_format = data_format
        self.dilation_rate = _pair("dilation_rate", dilation_rate)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise errors.InputError(
                f"dilation_rate={dilation_rate!r}: expected 1 with "
                f"strides={strides!r}"
            )

    def build(self, input_shape):
        """Makes the weights."""
        channels = input_shape[-1]
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: channels})
        self._build_distributions(
            (*self.kernel_size, channels, self.filters), (self.filters,)
        )

    def _multiply(self, inputs, kernel):
        return tf.nn.convolution(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding.upper(),
            # Without this argument an eager second derivative fails.
            data_format="NHWC",
            dilations=self.dilation_rate,
        )

    def _sign_shape(self, values):
        return (tf.shape(values)[0], 1, 1, values.shape[-1])

    def compute_output_shape(self, input_shape):
        """Returns the shape of the convolved images."""
        batch, *sizes, _ = input_shape
        sizes = [
            _convolved(size, kernel, stride, dilation, self.padding)
            for size, kernel, stride, dilation in zip(
                sizes,
                self.kernel_size,
                self.strides,
                self.dilation_rate,
                strict=True,
            )
        ]
        return (batch, *sizes, self.filters)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


@keras.saving.register_keras_serializable("tfmeta")
class Convolution2DReparameterization(
    estimators.Reparameterization, _Convolution2D
):
    """A convolution that draws one kernel a call.

    See `VariationalLayer`, and `tfp.layers.Convolution2DReparameterization`.

    Args:
        filters: number of output channels.
        kernel_size: an integer or a pair.
        strides: an integer or a pair.
        padding: `"valid"` or `"same"`.
        data_format: only `"channels_last"`.
        dilation_rate: an integer or a pair.
        **kwargs: see `VariationalLayer`.
    """


@keras.saving.register_keras_serializable("tfmeta")
class Convolution2DFlipout(estimators.Flipout, _Convolution2D):
    """A convolution that draws one kernel a call, and signs for each example.

    The signs are one for each channel, not for each pixel. See
    `VariationalLayer`, and `tfp.layers.Convolution2DFlipout`.

    Args:
        filters: number of output channels.
        kernel_size: an integer or a pair.
        strides: an integer or a pair.
        padding: `"valid"` or `"same"`.
        data_format: only `"channels_last"`.
        dilation_rate: an integer or a pair.
        **kwargs: see `VariationalLayer`.
    """


# TFP has the short names, too.
Conv2DReparameterization = Convolution2DReparameterization
Conv2DFlipout = Convolution2DFlipout


def _convolved(
    size: int | None, kernel: int, stride: int, dilation: int, padding: str
) -> int | None:
    """Returns the size of what a convolution makes along an axis."""
    if size is None:
        return None
    lost = 0 if padding == "same" else dilation * (kernel - 1)
    return -(-(size - lost) // stride)


def _is_size(value) -> bool:
    return isinstance(value, int) and value > 0


def _pair(name: str, value: int | tuple[int, int]) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    # A list is what a loaded configuration holds.
    if (
        not isinstance(pair, tuple | list)
        or len(pair) != 2
        or not all(_is_size(size) for size in pair)
    ):
        raise errors.InputError(
            f"{name}={value!r}: expected a positive integer or a pair of them"
        )
    return pair[0], pair[1]

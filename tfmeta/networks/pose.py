"""The networks of pose prediction (Yin et al. 2020, appendix)."""

from collections.abc import Callable, Sequence

import keras

from tfmeta import errors
from tfmeta.layers.normalization import task_normalization

_LayerFactory = Callable[..., keras.Layer]


def pose_encoder(
    code_size: int,
    *,
    input_shape: Sequence[int] = (128, 128, 1),
    convolution: _LayerFactory = keras.layers.Conv2D,
    dense: _LayerFactory = keras.layers.Dense,
) -> keras.Model:
    """Builds the encoder with which neural processes read images.

    It is three convolutions of 3x3 with stride 2, with 32, 48 and 64 channels
    and ReLU, and max pooling by 2 before the last; then a linear layer.

    Layers are named `encoder_conv{1..3}`, `encoder_pool`, `encoder_flatten` and
    `encoder_code`.

    Args:
        code_size: features of the code.
        input_shape: `(height, width, channels)` of an image.
        convolution: constructor of the convolutions, called with `filters,
            kernel_size, strides, padding, activation, name`. With a
            `functools.partial` of a variational layer the encoder has a
            posterior q(theta).
        dense: constructor of the linear layer, called with `units, name`.

    Returns:
        A built Keras model, from images `[batch, *input_shape]` to codes
        `[batch, code_size]`.

    Raises:
        InputError: if the images are smaller than 8 pixels.
    """
    inputs = _image(input_shape)
    outputs = _encode(inputs, code_size, convolution, dense)
    return keras.Model(inputs, outputs, name="pose_encoder")


def pose_regressor(
    *,
    input_shape: Sequence[int] = (128, 128, 1),
    code_side: int = 14,
    filters: int = 64,
    convolution: _LayerFactory = keras.layers.Conv2D,
    dense: _LayerFactory = keras.layers.Dense,
) -> keras.Model:
    """Builds the network that gradient-based learners adapt.

    The code of the encoder, by default of 196 features, becomes an image, of
    14x14. Four blocks follow, of a 3x3 convolution, normalization over the
    task's batch and ReLU; then the mean over all places and a linear head.

    Layers are named as in `pose_encoder`, then `encoder_image`,
    `block{1..4}_conv`, `block{1..4}_norm`, `block{1..4}_relu`, `mean` and
    `head`. A learner with `adapted=["block*", "head"]` does not adapt the
    encoder.

    Args:
        input_shape: `(height, width, channels)` of an image.
        code_side: height and width of the code as an image.
        filters: channels of each block.
        convolution: constructor of the encoder's convolutions, as for
            `pose_encoder`.
        dense: constructor of the encoder's linear layer.

    Returns:
        A built Keras model, from images `[batch, *input_shape]` to predictions
        `[batch, 1]`.

    Raises:
        InputError: if the images are smaller than 8 pixels.
    """
    inputs = _image(input_shape)
    code = _encode(inputs, code_side**2, convolution, dense)
    hidden = keras.layers.Reshape(
        (code_side, code_side, 1), name="encoder_image"
    )(code)
    for block in range(1, 5):
        # Without a bias, for the normalization would cancel it.
        hidden = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            name=f"block{block}_conv",
        )(hidden)
        hidden = task_normalization.TaskBatchNormalization(
            name=f"block{block}_norm"
        )(hidden)
        hidden = keras.layers.ReLU(name=f"block{block}_relu")(hidden)
    hidden = keras.layers.GlobalAveragePooling2D(name="mean")(hidden)
    outputs = keras.layers.Dense(1, name="head")(hidden)
    return keras.Model(inputs, outputs, name="pose_regressor")


def _image(input_shape: Sequence[int]) -> keras.KerasTensor:
    if min(input_shape[:2]) < 8:
        raise errors.InputError(
            "input_shape: expected images of 8 pixels or more, got "
            f"{tuple(input_shape)}"
        )
    return keras.Input(tuple(input_shape), name="image")


def _encode(
    inputs: keras.KerasTensor,
    code_size: int,
    convolution: _LayerFactory,
    dense: _LayerFactory,
) -> keras.KerasTensor:
    hidden = inputs
    for number, filters in enumerate((32, 48, 64), start=1):
        if number == 3:
            hidden = keras.layers.MaxPooling2D(name="encoder_pool")(hidden)
        hidden = convolution(
            filters,
            3,
            strides=2,
            padding="same",
            activation="relu",
            name=f"encoder_conv{number}",
        )(hidden)
    hidden = keras.layers.Flatten(name="encoder_flatten")(hidden)
    return dense(code_size, name="encoder_code")(hidden)

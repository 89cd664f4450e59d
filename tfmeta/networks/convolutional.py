"""The four-block convolutional network of the few-shot literature."""

import functools
from collections.abc import Callable, Sequence

import keras

from tfmeta.layers.normalization import task_normalization

# Without a bias, for the normalization would cancel it.
_CONVOLUTION = functools.partial(keras.layers.Conv2D, use_bias=False)


def conv4(
    ways: int,
    *,
    input_shape: Sequence[int] = (28, 28, 1),
    filters: int = 64,
    convolution: Callable[..., keras.Layer] = _CONVOLUTION,
    bottleneck: keras.Layer | None = None,
) -> keras.Model:
    """Builds the Omniglot network of Vinyals et al. (2016) and MAML (2017).

    Four blocks of a 3x3 convolution with stride 2, normalization over the
    task's batch and ReLU, then a linear head.

    Layers are named `block{1..4}_conv`, `block{1..4}_norm`, `block{1..4}_relu`,
    `flatten`, and `head`; a learner's `adapted` argument refers to these.

    Args:
        ways: number of classes N in a task; the head returns N logits.
        input_shape: `(height, width, channels)` of an image.
        filters: channels of each block.
        convolution: constructor of the convolutions, called with `filters,
            kernel_size, strides, padding, name`. With a `functools.partial` of
            a variational layer, without bias, the encoder has a posterior
            q(theta).
        bottleneck: a layer between the encoder and the head, e.g.
            `tfmeta.layers.StochasticBottleneck`.

    Returns:
        A built Keras model, from images `[batch, *input_shape]` to logits
        `[batch, ways]`.
    """
    inputs = keras.Input(tuple(input_shape), name="image")
    hidden = inputs
    for block in range(1, 5):
        hidden = convolution(
            filters,
            3,
            strides=2,
            padding="same",
            name=f"block{block}_conv",
        )(hidden)
        hidden = task_normalization.TaskBatchNormalization(
            name=f"block{block}_norm"
        )(hidden)
        hidden = keras.layers.ReLU(name=f"block{block}_relu")(hidden)
    hidden = keras.layers.Flatten(name="flatten")(hidden)
    if bottleneck is not None:
        hidden = bottleneck(hidden)
    logits = keras.layers.Dense(ways, name="head")(hidden)
    return keras.Model(inputs, logits, name="conv4")

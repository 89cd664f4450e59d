"""The networks of neural processes, of regression and of classes."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras


class NeuralProcess(NamedTuple):
    """The networks of a neural process, as `tfmeta.learners.CNP` takes them.

    Attributes:
        encoder: maps x to its features.
        context: maps `[features of x, y]` of one support example to its part of
            the representation r.
        decoder: maps `[features of x, r]` to the prediction of y.
    """

    encoder: keras.Model
    context: keras.Model
    decoder: keras.Model


def neural_process(
    encoder: keras.Model,
    output_size: int = 1,
    *,
    representation_size: int = 10,
    latent_size: int = 5,
    label_size: int | None = None,
    hidden: Sequence[int] = (100, 100),
    dense: Callable[..., keras.Layer] = keras.layers.Dense,
) -> NeuralProcess:
    """Builds the networks of Yin et al. (2020, appendix) around an encoder.

    The context network is a multi-layer perceptron, from the features and y to
    r. The decoder is a linear layer from r to z, and a multi-layer perceptron
    from the features and z to the prediction. The defaults are those of
    sinusoids, where the encoder of MR-CNP has a hidden layer of 100 units and 5
    features, and plain CNP reads x itself (`keras.layers.Identity`). For pose
    prediction:

    - CNP: `neural_process(pose_encoder(64), representation_size=100,
      latent_size=64, label_size=16)`;
    - MR-CNP(W): `neural_process(pose_encoder(20, ...),
      representation_size=200, latent_size=200, label_size=5)`.

    Layers are named `context_label`, `context_hidden{1, 2, ...}`,
    `context_head`, `decoder_latent`, `decoder_hidden{1, 2, ...}` and
    `decoder_head`.

    Args:
        encoder: a built Keras model, from x to features `[batch, features]`.
        output_size: features of a prediction and of y.
        representation_size: of r.
        latent_size: of z.
        label_size: units of a linear layer that y passes through before the
            context network; None for none.
        hidden: units of each hidden layer, of both perceptrons.
        dense: constructor of all layers, called with `units, activation, name`.
            A `functools.partial` of a variational layer makes them a posterior.

    Returns:
        The networks.
    """
    features = tuple(encoder.outputs[0].shape[1:])
    perceptron = functools.partial(_perceptron, hidden=hidden, dense=dense)

    x = keras.Input(features, name="features")
    y = label = keras.Input((output_size,), name="y")
    if label_size is not None:
        label = dense(label_size, activation=None, name="context_label")(y)
    joined = keras.layers.Concatenate(name="context_inputs")([x, label])
    context = keras.Model(
        [x, y],
        perceptron("context", joined, representation_size),
        name="context",
    )

    x = keras.Input(features, name="features")
    r = keras.Input((representation_size,), name="representation")
    z = dense(latent_size, activation=None, name="decoder_latent")(r)
    joined = keras.layers.Concatenate(name="decoder_inputs")([x, z])
    decoder = keras.Model(
        [x, r], perceptron("decoder", joined, output_size), name="decoder"
    )
    return NeuralProcess(encoder, context, decoder)


def class_neural_process(
    encoder: keras.Model,
    ways: int,
    *,
    class_size: int = 64,
    hidden: Sequence[int] = (256,),
    dense: Callable[..., keras.Layer] = keras.layers.Dense,
) -> NeuralProcess:
    """Builds the networks of a neural process for classification.

    Support examples are aggregated class by class, and the classes' means stand
    one behind the other (Garnelo et al. 2018, section 4.3). With one-hot labels
    y_i of N ways and n support examples the mean that `tfmeta.learners.CNP`
    takes over the support set does so, for

        context(f, y) = N y (x) h(f)
        r[c] = N / n sum_i y_ic h(f_i)

    is the mean of h over class c where all classes have n / N examples.

    Layers are named `context_hidden{1, 2, ...}`, `context_head`,
    `decoder_hidden{1, 2, ...}` and `decoder_head`.

    Args:
        encoder: a built Keras model, from x to features `[batch, features]`.
        ways: number of classes N in a task.
        class_size: numbers K that a class is described by. r is `[ways *
            class_size]`.
        hidden: units of each hidden layer, of h and of the decoder.
        dense: constructor of all layers, see `neural_process`.

    Returns:
        The networks; the decoder returns `ways` logits.
    """
    features = tuple(encoder.outputs[0].shape[1:])
    perceptron = functools.partial(_perceptron, hidden=hidden, dense=dense)

    x = keras.Input(features, name="features")
    y = keras.Input((ways,), name="y")
    described = perceptron("context", x, class_size)
    products = keras.layers.Multiply(name="context_products")(
        [
            keras.layers.Reshape((ways, 1), name="context_column")(y),
            keras.layers.Reshape((1, class_size), name="context_row")(
                described
            ),
        ]
    )
    by_class = keras.layers.Flatten(name="context_classes")(products)
    context = keras.Model(
        [x, y],
        keras.layers.Rescaling(ways, name="context_mean")(by_class),
        name="context",
    )

    x = keras.Input(features, name="features")
    r = keras.Input((ways * class_size,), name="representation")
    joined = keras.layers.Concatenate(name="decoder_inputs")([x, r])
    decoder = keras.Model(
        [x, r], perceptron("decoder", joined, ways), name="decoder"
    )
    return NeuralProcess(encoder, context, decoder)


def _perceptron(
    part: str,
    values: keras.KerasTensor,
    size: int,
    *,
    hidden: Sequence[int],
    dense: Callable[..., keras.Layer],
) -> keras.KerasTensor:
    for number, units in enumerate(hidden, start=1):
        values = dense(units, activation="relu", name=f"{part}_hidden{number}")(
            values
        )
    return dense(size, activation=None, name=f"{part}_head")(values)

"""The networks of neural processes (Yin et al. 2020, appendix)."""

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
    """Builds the context network and the decoder around an encoder.

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
        output_size: features of a prediction and of y (ways, for classes).
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

    def perceptron(part: str, values: keras.KerasTensor, size: int):
        for number, units in enumerate(hidden, start=1):
            values = dense(
                units, activation="relu", name=f"{part}_hidden{number}"
            )(values)
        return dense(size, activation=None, name=f"{part}_head")(values)

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

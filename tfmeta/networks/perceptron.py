"""The multi-layer perceptron of the regression experiments."""

from collections.abc import Sequence

import keras


def mlp(
    input_size: int,
    output_size: int,
    *,
    hidden: Sequence[int] = (40, 40),
    activation: str = "relu",
    encoder: Sequence[keras.Layer] = (),
) -> keras.Model:
    """Builds MAML's sinusoid network (Finn et al. 2017, section 5.1).

    Layers are named `hidden1`, `hidden2`, ... and `head`.

    Args:
        input_size: features of an input.
        output_size: features of a prediction.
        hidden: units of each hidden layer.
        activation: activation of the hidden layers.
        encoder: layers before the hidden ones, such as variational layers that
            no inner loop adapts (`MAML(..., adapted=["hidden*", "head"])`).

    Returns:
        A built Keras model, from `[batch, input_size]` to `[batch,
        output_size]`.
    """
    inputs = keras.Input((input_size,), name="features")
    values = inputs
    for layer in encoder:
        values = layer(values)
    for number, units in enumerate(hidden, start=1):
        values = keras.layers.Dense(
            units, activation=activation, name=f"hidden{number}"
        )(values)
    outputs = keras.layers.Dense(output_size, name="head")(values)
    return keras.Model(inputs, outputs, name="mlp")

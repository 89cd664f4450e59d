"""The amortization network of VERSA (Gordon et al. 2019, section 3)."""

import math
from collections.abc import Sequence

import keras

from tfmeta import errors


def amortized_head(
    features: int,
    *,
    hidden: Sequence[int] = (256, 256),
    initial_scale: float = 0.05,
) -> keras.Model:
    """Builds a network that maps a class to a posterior over its head.

    It is two multi-layer perceptrons with ELU, as in the authors' code: one
    gives the mean, the other the logarithm of the variance. Both read the mean
    of the features of the class's support examples, and nothing of other
    classes.

    Layers are named `mean_hidden{1, 2, ...}`, `mean_head`,
    `log_variance_hidden{1, 2, ...}` and `log_variance_head`.

    Args:
        features: of an example, as an encoder gives them.
        hidden: units of each hidden layer.
        initial_scale: about the standard deviation of the weights at the start.
            The authors' is 1, with which logits are mostly noise at first.

    Returns:
        A built Keras model, as `tfmeta.learners.VERSA` takes it: `[classes,
        features]` to `[classes, 2 (features + 1)]`: the means of the weights
        and the bias, then the logarithms of their variances.

    Raises:
        InputError: if `initial_scale` is not positive.
    """
    if not 0 < initial_scale < math.inf:
        raise errors.InputError(
            f"initial_scale={initial_scale}: expected a positive number"
        )
    pooled = keras.Input((features,), name="class_features")

    def perceptron(name: str, bias: float):
        values = pooled
        for number, units in enumerate(hidden, start=1):
            values = keras.layers.Dense(
                units, activation="elu", name=f"{name}_hidden{number}"
            )(values)
        return keras.layers.Dense(
            features + 1,
            bias_initializer=keras.initializers.Constant(bias),
            name=f"{name}_head",
        )(values)

    outputs = keras.layers.Concatenate(name="posterior")(
        [
            perceptron("mean", 0.0),
            perceptron("log_variance", 2 * math.log(initial_scale)),
        ]
    )
    return keras.Model(pooled, outputs, name="amortized_head")

"""The posteriors over a network's weights that all tasks share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.layers.variational import base, given_weights


class SharedWeights(NamedTuple):
    """What tasks see of the weights: a nested structure of tensors.

    Attributes:
        plain: values of the variables that tasks use as they are, by index.
        posteriors: of each layer with posteriors that tasks share, by the
            names of its weights: a distribution to draw from, or a draw.
    """

    plain: dict[int, tf.Tensor]
    posteriors: list[dict[str, Any]]


class WeightPosteriors:
    """The posteriors over a network's weights that all tasks share.

    They depend on the variables alone, and so do their divergences, and a draw
    that all tasks share: a step makes them once, outside of its tasks. The
    tasks differentiate with respect to them, and the chain rule carries these
    gradients on to the variables.

    A layer that tasks adapt is none of theirs: it has another posterior in each
    task, and its divergence is part of that task's loss. Nor is one whose
    posterior TensorFlow cannot take apart into tensors, as it can those of TFP.

    Args:
        network: a built Keras model.
        variables: trainable variables, the network's among them.
        adapted: those that tasks adapt.
    """

    def __init__(
        self,
        network: keras.Model,
        variables: Sequence[keras.Variable],
        adapted: Sequence[keras.Variable],
    ):
        self._variables = list(variables)
        adapted_ids = {id(variable) for variable in adapted}
        self._layers = [
            layer
            for layer in network._flatten_layers()
            if isinstance(layer, base.VariationalLayer)
            and adapted_ids.isdisjoint(map(id, layer.distribution_variables))
            and _is_made_of_tensors(layer.posteriors())
        ]
        own = {
            id(variable)
            for layer in self._layers
            for variable in layer.distribution_variables
        }
        self._plain = [
            index
            for index, variable in enumerate(variables)
            if id(variable) not in own
        ]

    def share(
        self, weights: Sequence[tf.Tensor], seed: tf.Tensor, *, draw: bool
    ) -> SharedWeights:
        """Makes what all tasks share.

        Args:
            weights: values of the variables.
            seed: `[2]`.
            draw: whether tasks share a draw. Layers that draw for each example
                never do.
        """
        with self._scope(weights):
            posteriors = [
                layer.posteriors()
                | (layer.draw_weights(layer_seed) if draw else {})
                for layer, layer_seed in self._with_seeds(seed)
            ]
        return SharedWeights(
            {index: weights[index] for index in self._plain}, posteriors
        )

    def divergence(
        self, weights: Sequence[tf.Tensor], seed: tf.Tensor
    ) -> tf.Tensor:
        """Computes the sum of the layers' divergences.

        Args:
            weights: values of the variables.
            seed: `[2]`, for divergences that are estimated by a draw.
        """
        with self._scope(weights):
            divergences = [
                divergence
                for layer, layer_seed in self._with_seeds(seed)
                for divergence in layer.divergences(
                    layer.draw_weights(layer_seed)
                )
            ]
        return tf.add_n([tf.zeros((), weights[0].dtype), *divergences])

    def values(self, shared: SharedWeights) -> list[tf.Tensor | None]:
        """Returns the values of the variables; None where calls read none."""
        return [shared.plain.get(i) for i in range(len(self._variables))]

    def given(self, shared: SharedWeights) -> given_weights.GivenWeights:
        """Returns what makes calls use what is shared."""
        return given_weights.GivenWeights(
            dict(zip(self._layers, shared.posteriors, strict=True))
        )

    def _with_seeds(self, seed: tf.Tensor):
        count = len(self._layers)
        return zip(
            self._layers,
            tf.unstack(tf.random.split(seed, count), count),
            strict=True,
        )

    def _scope(self, weights: Sequence[tf.Tensor]) -> keras.StatelessScope:
        """Makes the variables have other values."""
        return keras.StatelessScope(
            list(zip(self._variables, weights, strict=True))
        )


def _is_made_of_tensors(structure: Any) -> bool:
    return all(
        isinstance(part, tf.Tensor)
        for part in tf.nest.flatten(structure, expand_composites=True)
    )

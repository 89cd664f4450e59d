"""The posteriors over a network's weights, as functions of its variables."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from tfmeta.layers import estimators, variational

# For each layer that draws weights, its kernel and bias by their names.
Draws = list[dict[str, tf.Tensor]]


class WeightPosteriors:
    """Draws the weights of a network's variational layers, and their KL.

    Neither depends on the data. So a step can make once, outside of its tasks,
    the divergences, and the draws that its tasks share.

    Args:
        network: a built Keras model.
    """

    def __init__(self, network: keras.Model):
        self._network = network
        layers = [
            layer
            for layer in network._flatten_layers()
            if isinstance(layer, variational.VariationalLayer)
        ]
        # The others draw for each example, and their noise is not shared.
        self._drawn = [
            layer
            for layer in layers
            if isinstance(layer, estimators.Reparameterization)
        ]
        self._others = [layer for layer in layers if layer not in self._drawn]

    def __len__(self):
        """Returns the number of layers that draw weights."""
        return len(self._drawn)

    def draw(self, weights: Sequence[tf.Tensor], seeds: tf.Tensor) -> Draws:
        """Draws the weights.

        Args:
            weights: values for the network's trainable variables.
            seeds: `[layers, 2]`.
        """
        with self._scope(weights):
            return [
                layer.draw_weights(seed)
                for layer, seed in zip(
                    self._drawn, tf.unstack(seeds, len(self)), strict=True
                )
            ]

    def divergences(
        self, weights: Sequence[tf.Tensor], draws: Draws
    ) -> list[tf.Tensor]:
        """Computes the layers' divergences, scalars.

        Args:
            weights: values for the network's trainable variables.
            draws: of `draw`, for divergences that are estimated by a draw.
        """
        with self._scope(weights):
            return [
                divergence
                for layer, draw in self._with_draws(draws)
                for divergence in layer.divergences(draw)
            ]

    @contextlib.contextmanager
    def using(self, draws: Draws) -> Iterator[None]:
        """Makes the network's calls use `draws` and add no divergence."""
        with contextlib.ExitStack() as stack:
            for layer, draw in self._with_draws(draws):
                stack.enter_context(layer.using(draw))
            yield

    def _with_draws(self, draws: Draws):
        yield from zip(self._drawn, draws, strict=True)
        for layer in self._others:
            yield layer, {}

    def _scope(self, weights: Sequence[tf.Tensor]) -> keras.StatelessScope:
        """Makes the variables of the network have other values."""
        return keras.StatelessScope(
            list(zip(self._network.trainable_variables, weights, strict=True))
        )

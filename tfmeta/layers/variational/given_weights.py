"""Posteriors and draws that are made once and taken by many calls."""

from collections.abc import Mapping
from typing import Any

import keras

from tfmeta import errors


class GivenWeights:
    """What the variational layers of a network are to take in a call.

    It is the argument `given` of their calls. Keras passes an argument on to
    the layers that a layer calls, as it does `training`, where the layer that
    is called first has it among its call-context arguments
    (`_register_call_context_args`). It is an object because Keras would convert
    the tensors of a dict.

    Args:
        of_layers: for each variational layer, by the names of its weights, a
            posterior to draw from, or a draw of `draw_weights`. What is not in
            it a layer makes itself.
    """

    def __init__(self, of_layers: Mapping[keras.Layer, Mapping[str, Any]]):
        self._of_layers = dict(of_layers)
        self._reached: set[int] = set()

    def of(self, layer: keras.Layer) -> Mapping[str, Any]:
        """Returns what a layer is given, by the names of its weights."""
        self._reached.add(id(layer))
        return self._of_layers.get(layer, {})

    def check_reached(self, network: keras.Layer) -> None:
        """Checks that the layers of a network took what they are given.

        Args:
            network: what was called.

        Raises:
            InputError: if one of its layers did not: whoever calls a layer by
                its method `call`, and not as a function, passes nothing on.
        """
        for layer in network._flatten_layers():
            if layer in self._of_layers and id(layer) not in self._reached:
                raise errors.InputError(
                    f"network={network.name!r}: its layer {layer.name!r} "
                    "cannot share posteriors between tasks, for a layer calls "
                    "it by `call`; let it call the layer as a function"
                )

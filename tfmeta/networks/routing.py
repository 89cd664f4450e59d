"""Routing networks whose fully connected layers are all routed."""

from collections.abc import Sequence

import keras

from tfmeta import errors
from tfmeta.layers.sharing import routed_dense, routers
from tfmeta.networks import sharing


def routing_networks(
    trunk: keras.Model,
    router: routers.Router,
    units: Sequence[int],
    *,
    activation: str = "relu",
) -> dict[str, keras.Model]:
    """Builds a network for each task, from blocks that all tasks share.

    The "all-fc" variant of Rosenbaum et al. (2018): after a shared trunk each
    fully connected layer, the one of the logits included, is one of k function
    blocks, which the router chooses. These layers are named `routed{1, 2,
    ...}`; the router has the name that it was given.

    Args:
        trunk: a built model of one input and one output, `[batch, features]`.
        router: the agents, with the tasks' names and a depth of `len(units)`.
        units: units of each layer; the last is the number of classes, which all
            tasks have in common.
        activation: activation of all layers but the last.

    Returns:
        A Keras model for each task; they share all their layers. After calls
        with `training=True` on batches of their tasks, call the router's
        `update_policies`.

    Raises:
        InputError: if `units` does not fit the router, or the trunk has several
            inputs or outputs.
    """
    if len(units) != router.depth:
        raise errors.InputError(
            f"units={list(units)}: expected {router.depth}, the router's depth"
        )
    layers = [
        routed_dense.RoutedDense(
            size,
            router.blocks,
            activation=activation if number < router.depth else None,
            name=f"routed{number}",
        )
        for number, size in enumerate(units, start=1)
    ]
    networks = {}
    for task in router.tasks:
        inputs = sharing.new_input(trunk, task)
        hidden = trunk(inputs)
        decisions = router(hidden, task=task)
        for layer, decision in zip(layers, decisions, strict=True):
            hidden = layer(hidden, decision)
        networks[task] = keras.Model(inputs, hidden, name=task)
    return networks

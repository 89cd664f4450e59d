"""Routing networks, in the variant that routes all fully connected layers."""

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
    """Builds a network for each task of fully connected blocks that all share.

    The "all-fc" variant of Rosenbaum et al. (2018): after a shared trunk each
    fully connected layer, the one that gives the logits included, is one of the
    router's k function blocks. Layers are named `router` as the router is, and
    `routed{1, 2, ...}`.

    Args:
        trunk: a built model of one input and one output, `[batch, features]`.
        router: the agents, with the tasks' names; its depth is the number of
            `units`.
        units: units of each layer; the last, without activation, are the
            classes, of which all tasks have the same number.
        activation: activation of the other layers.

    Returns:
        A Keras model for each task, which share all their layers. Call them
        with `training=True` on batches of their task, and then the router's
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

"""Learners of regression tasks, with and without meta-regularization."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from experiments.run import contract, posteriors
from tfmeta import layers, learners, networks

Values = contract.Values
Build = Callable[[Values, Any, int], learners.Learner]
Dense = Callable[[Values], Callable[..., keras.layers.Layer]]

_TITLES = {
    "maml": "MAML",
    "maml_weight_decay": "MAML + weight decay",
    "mr_maml_a": "MR-MAML(A)",
    "mr_maml_w": "MR-MAML(W)",
    "mr_maml_w_no_noise": "MR-MAML(W), sigma near 0",
    "mr_maml_w_no_kl": "MR-MAML(W), beta 0",
    "control": "control: W, no noise, no KL",
    "control_weight_decay": "control + weight decay",
    "cnp": "CNP",
    "cnp_weight_decay": "CNP + weight decay",
    "cnp_bayes_by_backprop": "CNP + Bayes by Backprop",
    "mr_cnp_a": "MR-CNP(A)",
    "mr_cnp_w": "MR-CNP(W)",
    "mr_cnp_w_no_noise": "MR-CNP(W), sigma near 0",
    "mr_cnp_w_no_kl": "MR-CNP(W), beta 0",
    "cnp_control": "CNP control: W, no noise, no KL",
    "cnp_control_weight_decay": "CNP control + weight decay",
}
_DEFAULTS = {"outer_learning_rate": 1e-3, "outer_schedule": "cosine"}


def methods(
    entries: Mapping[str, tuple[Build, Values]],
) -> dict[str, contract.Method]:
    """Returns methods by their names.

    Args:
        entries: by name what builds each, and its settings, where they differ
            from an outer rate of 0.001 that falls to zero.
    """
    return {
        name: contract.Method(_TITLES[name], build, _DEFAULTS | dict(defaults))
        for name, (build, defaults) in entries.items()
    }


def maml(
    network: Callable[[Values, Any], keras.Model],
    adapted: str | tuple[str, ...],
) -> Build:
    """Returns what builds MAML.

    Args:
        network: from the settings and the problem to the network.
        adapted: which of its layers the inner loop adapts.
    """

    def build(settings, problem, seed):
        return learners.MAML(
            network(settings, problem),
            adapted=adapted,
            inner_learning_rate=settings["inner_learning_rate"],
            inner_steps=settings["inner_steps"],
            test_inner_steps=settings["test_inner_steps"],
            posterior_draw=posteriors.DRAW,
            seed=seed,
        )

    return build


def cnp(
    encoder: Callable[[Values, Any], keras.Model],
    dense: Dense = lambda settings: keras.layers.Dense,
    **sizes: Any,
) -> Build:
    """Returns what builds a neural process.

    Args:
        encoder: from the settings and the problem to its encoder.
        dense: from the settings to the constructor of the layers of its other
            networks.
        **sizes: of these, see `networks.neural_process`.
    """

    def build(settings, problem, seed):
        return learners.CNP(
            *networks.neural_process(
                encoder(settings, problem), dense=dense(settings), **sizes
            ),
            posterior_draw=posteriors.DRAW,
            seed=seed,
        )

    return build


def dense_posterior(settings: Values) -> Callable[..., layers.VariationalLayer]:
    """Returns the constructor of dense layers with posteriors."""
    return posteriors.variational(layers.DenseReparameterization, settings)

"""Layers with posteriors over weights, as the settings of methods ask for."""

import functools
from collections.abc import Callable
from typing import Any

from experiments.run import contract
from tfmeta import layers

# Which tasks share a draw, see `Learner`. The code of Yin et al. 2020 draws
# once for a meta-batch, too, but apart for support and query sets. A draw for
# each task costs four times the time.
DRAW = "meta_batch"


def variational(
    layer: type[layers.VariationalLayer],
    settings: contract.Values,
    prior: Callable[..., Any] | None = None,
) -> Callable[..., layers.VariationalLayer]:
    """Returns the constructor of layers whose kernels have posteriors.

    Args:
        layer: their class.
        settings: `initial_scale`, and what there is of `prior_scale`, 1
            without, and `beta`, 0 without.
        prior: of their weights, in the place of `prior_scale`.
    """
    return functools.partial(
        layer,
        kernel_posterior_fn=layers.MeanFieldNormal(
            loc_initializer="glorot_uniform",
            initial_scale=settings["initial_scale"],
        ),
        kernel_prior_fn=prior
        or layers.NormalPrior(settings.get("prior_scale") or 1.0),
        kernel_divergence_fn=layers.KLDivergence(
            weight=settings.get("beta") or 0.0
        ),
    )

"""Keras networks as functions of weights and seeds, and loops over them."""

from tfmeta.functional.functional_network import (
    POSTERIOR_DRAWS,
    FunctionalNetwork,
    Pass,
    Seeds,
    check_network,
    draw_seeds,
)
from tfmeta.functional.inner_loop import descend
from tfmeta.functional.weight_posteriors import SharedWeights, WeightPosteriors

__all__ = [
    "POSTERIOR_DRAWS",
    "FunctionalNetwork",
    "Pass",
    "Seeds",
    "SharedWeights",
    "WeightPosteriors",
    "check_network",
    "descend",
    "draw_seeds",
]

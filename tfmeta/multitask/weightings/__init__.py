"""Loss weightings: what multiplies the loss of each task."""

from tfmeta.multitask.weightings.by_name import WEIGHTINGS, get
from tfmeta.multitask.weightings.dynamic_weight_average import (
    DynamicWeightAverage,
)
from tfmeta.multitask.weightings.equal import Equal
from tfmeta.multitask.weightings.famo import FAMO
from tfmeta.multitask.weightings.grad_norm import GradNorm
from tfmeta.multitask.weightings.random_loss_weighting import (
    RandomLossWeighting,
)
from tfmeta.multitask.weightings.uncertainty import Uncertainty
from tfmeta.multitask.weightings.weighting import Weighting

__all__ = [
    "FAMO",
    "WEIGHTINGS",
    "DynamicWeightAverage",
    "Equal",
    "GradNorm",
    "RandomLossWeighting",
    "Uncertainty",
    "Weighting",
    "get",
]

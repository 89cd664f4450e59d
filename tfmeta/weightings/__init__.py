"""Loss weightings: what multiplies the loss of each task."""

from tfmeta.weightings.by_name import WEIGHTINGS, get
from tfmeta.weightings.dynamic_weight_average import DynamicWeightAverage
from tfmeta.weightings.equal import Equal
from tfmeta.weightings.famo import FAMO
from tfmeta.weightings.grad_norm import GradNorm
from tfmeta.weightings.random_loss_weighting import RandomLossWeighting
from tfmeta.weightings.uncertainty import Uncertainty
from tfmeta.weightings.weighting import Weighting

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

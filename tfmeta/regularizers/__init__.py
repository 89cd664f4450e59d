"""Regularizers that are not layers, and the bound that they rest on."""

from tfmeta.regularizers.pac_bayes import (
    PosteriorDivergence,
    even_meta_generalization_bound,
    meta_generalization_bound,
    posterior_divergence,
)
from tfmeta.regularizers.taml import TAMLEntropy, TAMLInequality
from tfmeta.regularizers.task_regularizer import TaskRegularizer

__all__ = [
    "PosteriorDivergence",
    "TAMLEntropy",
    "TAMLInequality",
    "TaskRegularizer",
    "even_meta_generalization_bound",
    "meta_generalization_bound",
    "posterior_divergence",
]

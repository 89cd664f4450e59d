"""Layers: posteriors over weights and activations, task normalization."""

from tfmeta.layers.conv_variational import (
    Conv2DFlipout,
    Conv2DReparameterization,
    Convolution2DFlipout,
    Convolution2DReparameterization,
)
from tfmeta.layers.dense_variational import (
    DenseFlipout,
    DenseLocalReparameterization,
    DenseReparameterization,
)
from tfmeta.layers.posteriors import KLDivergence, MeanFieldNormal, NormalPrior
from tfmeta.layers.stochastic_bottleneck import StochasticBottleneck
from tfmeta.layers.task_normalization import (
    TaskBatchNormalization,
    TaskLayerNormalization,
)
from tfmeta.layers.variational import VariationalLayer

__all__ = [
    "Conv2DFlipout",
    "Conv2DReparameterization",
    "Convolution2DFlipout",
    "Convolution2DReparameterization",
    "DenseFlipout",
    "DenseLocalReparameterization",
    "DenseReparameterization",
    "KLDivergence",
    "MeanFieldNormal",
    "NormalPrior",
    "StochasticBottleneck",
    "TaskBatchNormalization",
    "TaskLayerNormalization",
    "VariationalLayer",
]

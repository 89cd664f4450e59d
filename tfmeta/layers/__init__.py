"""Layers: posteriors, task normalization, and what tasks share."""

from tfmeta.layers.conv_variational import (
    Conv2DFlipout,
    Conv2DReparameterization,
    Convolution2DFlipout,
    Convolution2DReparameterization,
)
from tfmeta.layers.cross_stitch import CrossStitch
from tfmeta.layers.dense_variational import (
    DenseFlipout,
    DenseLocalReparameterization,
    DenseReparameterization,
)
from tfmeta.layers.film import FiLM
from tfmeta.layers.learned_prior import LearnedNormalPrior
from tfmeta.layers.memory_augmented import MemoryAugmentedCell
from tfmeta.layers.posteriors import KLDivergence, MeanFieldNormal, NormalPrior
from tfmeta.layers.relation import RelatedDense
from tfmeta.layers.routing import RoutedDense, Router
from tfmeta.layers.sluice import (
    LayerMixture,
    OrthogonalSubspaces,
    SluiceUnit,
)
from tfmeta.layers.stochastic_bottleneck import StochasticBottleneck
from tfmeta.layers.task_attention import TaskAttention
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
    "CrossStitch",
    "DenseFlipout",
    "DenseLocalReparameterization",
    "DenseReparameterization",
    "FiLM",
    "KLDivergence",
    "LayerMixture",
    "LearnedNormalPrior",
    "MeanFieldNormal",
    "MemoryAugmentedCell",
    "NormalPrior",
    "OrthogonalSubspaces",
    "RelatedDense",
    "RoutedDense",
    "Router",
    "SluiceUnit",
    "StochasticBottleneck",
    "TaskAttention",
    "TaskBatchNormalization",
    "TaskLayerNormalization",
    "VariationalLayer",
]

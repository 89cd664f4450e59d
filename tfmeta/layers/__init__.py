"""Layers: posteriors, task normalization, and what tasks share."""

from tfmeta.layers.normalization.task_normalization import (
    TaskBatchNormalization,
    TaskLayerNormalization,
)
from tfmeta.layers.recurrent.memory_augmented import MemoryAugmentedCell
from tfmeta.layers.sharing.cross_stitch import CrossStitch
from tfmeta.layers.sharing.film import FiLM
from tfmeta.layers.sharing.loss_learners import LearnsFromLosses
from tfmeta.layers.sharing.relation import RelatedDense
from tfmeta.layers.sharing.routed_dense import RoutedDense
from tfmeta.layers.sharing.routers import Router
from tfmeta.layers.sharing.sluice import (
    LayerMixture,
    OrthogonalSubspaces,
    SluiceUnit,
)
from tfmeta.layers.sharing.task_attention import TaskAttention
from tfmeta.layers.sharing.task_dense import TaskDense
from tfmeta.layers.variational.base import VariationalLayer
from tfmeta.layers.variational.conv import (
    Conv2DFlipout,
    Conv2DReparameterization,
    Convolution2DFlipout,
    Convolution2DReparameterization,
)
from tfmeta.layers.variational.dense import (
    DenseFlipout,
    DenseLocalReparameterization,
    DenseReparameterization,
)
from tfmeta.layers.variational.learned_prior import LearnedNormalPrior
from tfmeta.layers.variational.posteriors import (
    KLDivergence,
    MeanFieldNormal,
    NormalPrior,
)
from tfmeta.layers.variational.stochastic_bottleneck import StochasticBottleneck

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
    "LearnsFromLosses",
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
    "TaskDense",
    "TaskLayerNormalization",
    "VariationalLayer",
]

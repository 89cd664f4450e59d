"""Optimizers that resolve conflicts between the gradients of tasks."""

from tfmeta.gradients.gramian import combine, compute_gramian
from tfmeta.optimizers.aggregators import AGGREGATORS
from tfmeta.optimizers.aligned_mtl import AlignedMTL, aligned_mtl_weights
from tfmeta.optimizers.cagrad import CAGrad, cagrad_weights
from tfmeta.optimizers.descent import Descent, descend
from tfmeta.optimizers.gradvac import GradVac, gradvac_weights
from tfmeta.optimizers.imtl_g import IMTLG, imtl_g_weights
from tfmeta.optimizers.linear_scalarization import LinearScalarization
from tfmeta.optimizers.mgda import MGDA, mgda_weights
from tfmeta.optimizers.nash_mtl import NashMTL, nash_mtl_weights
from tfmeta.optimizers.pcgrad import PCGrad, pcgrad_weights, random_orders
from tfmeta.optimizers.pcgrad_ablations import PCGradDirection, PCGradMagnitude
from tfmeta.optimizers.task_gradient_optimizer import (
    TaskGradientOptimizer,
    with_inner_loss_scale,
)
from tfmeta.optimizers.upgrad import UPGrad, upgrad_weights

__all__ = [
    "AGGREGATORS",
    "IMTLG",
    "MGDA",
    "AlignedMTL",
    "CAGrad",
    "Descent",
    "GradVac",
    "LinearScalarization",
    "NashMTL",
    "PCGrad",
    "PCGradDirection",
    "PCGradMagnitude",
    "TaskGradientOptimizer",
    "UPGrad",
    "aligned_mtl_weights",
    "cagrad_weights",
    "combine",
    "compute_gramian",
    "descend",
    "gradvac_weights",
    "imtl_g_weights",
    "mgda_weights",
    "nash_mtl_weights",
    "pcgrad_weights",
    "random_orders",
    "upgrad_weights",
    "with_inner_loss_scale",
]

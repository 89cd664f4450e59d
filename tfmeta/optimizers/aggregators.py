"""The methods by name, for flags."""

from tfmeta.optimizers import (
    aligned_mtl,
    cagrad,
    gradvac,
    imtl_g,
    linear_scalarization,
    mgda,
    nash_mtl,
    pcgrad,
    pcgrad_ablations,
    task_gradient_optimizer,
    upgrad,
)

AGGREGATORS: dict[str, type[task_gradient_optimizer.TaskGradientOptimizer]] = {
    "sum": linear_scalarization.LinearScalarization,
    "pcgrad": pcgrad.PCGrad,
    "pcgrad_direction": pcgrad_ablations.PCGradDirection,
    "pcgrad_magnitude": pcgrad_ablations.PCGradMagnitude,
    "mgda": mgda.MGDA,
    "gradvac": gradvac.GradVac,
    "cagrad": cagrad.CAGrad,
    "imtl_g": imtl_g.IMTLG,
    "nash_mtl": nash_mtl.NashMTL,
    "aligned_mtl": aligned_mtl.AlignedMTL,
    "upgrad": upgrad.UPGrad,
}

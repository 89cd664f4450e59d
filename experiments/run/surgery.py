"""Ways to combine the gradients of tasks, as methods of experiments."""

from collections.abc import Mapping
from typing import NamedTuple

from tfmeta import optimizers

# Of each of `optimizers.AGGREGATORS`; one without a title stops the import.
_TITLES = {
    # The update without surgery; but it records how much the tasks conflict.
    "sum": "sum, monitored",
    "pcgrad": "PCGrad",
    "pcgrad_direction": "PCGrad, direction only",
    "pcgrad_magnitude": "PCGrad, magnitude only",
    "mgda": "MGDA",
    "gradvac": "GradVac",
    "cagrad": "CAGrad",
    "imtl_g": "IMTL-G",
    "nash_mtl": "Nash-MTL",
    "aligned_mtl": "Aligned-MTL",
    "upgrad": "UPGrad",
}


class Surgery(NamedTuple):
    """A way to combine the gradients of tasks.

    Attributes:
        title: what tables call it.
        aggregator: the class of its optimizer.
    """

    title: str
    aggregator: type[optimizers.TaskGradientOptimizer]


SURGERIES: Mapping[str, Surgery] = {
    name: Surgery(_TITLES[name], aggregator)
    for name, aggregator in optimizers.AGGREGATORS.items()
}

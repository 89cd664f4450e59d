"""PCGrad's update from task gradients, in PyTorch.

`torch_flat` is the loop over whole gradients of the usual PyTorch code
(WeiChengTseng/Pytorch-PCGrad), line by line; `torchjd` is TorchJD's aggregator,
or the part of it that makes the tasks' weights from the Gramian.

A module of `worker.py`; imports nothing of this repository.
"""

import random
from typing import TYPE_CHECKING

import torch  # type: ignore[import-not-found,unused-ignore]

if TYPE_CHECKING:
    from experiments.benchmarks import multitask_problems, worker


def build(job: "multitask_problems.AggregationJob") -> "worker.Contender":
    """Returns the contender's step and gradient."""
    given = gradients = torch.stack([torch.tensor(g) for g in job.gradients])
    compute = _aggregate
    if job.contender == "torchjd":
        from torchjd import (  # type: ignore[import-not-found,unused-ignore]
            aggregation,
        )

        compute = aggregation.PCGrad()
        if job.workload == "weights":
            given = gradients @ gradients.T
            compute = compute.gramian_weighting

    def step() -> float:
        return float(compute(given)[0])

    return step, lambda: [  # type: ignore[return-value]
        compute(given).numpy()
    ]


def _aggregate(gradients):
    others = list(gradients)
    projected = [gradient.clone() for gradient in others]
    for own in projected:
        random.shuffle(others)
        for other in others:
            product = torch.dot(own, other)
            if product < 0:
                own -= product * other / other.norm() ** 2
    return torch.stack(projected).sum(0)

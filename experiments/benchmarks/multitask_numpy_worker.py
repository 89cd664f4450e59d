"""PCGrad as published, on whole gradients, in NumPy.

Algorithm 1 of Yu et al. (2020). A module of `worker.py`; imports nothing of
this repository.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from experiments.benchmarks import multitask_problems, worker


def build(job: "multitask_problems.AggregationJob") -> "worker.Contender":
    """Returns the contender's step and gradient."""
    gradients = np.stack(job.gradients)
    rng = np.random.default_rng(0)

    def step() -> float:
        return float(_aggregate(gradients, rng)[0])

    return step, lambda: [_aggregate(gradients, rng)]  # type: ignore[return-value]


def _aggregate(gradients: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    projected = gradients.copy()
    for i, own in enumerate(projected):
        for j in rng.permutation(len(gradients)):
            other = gradients[j]
            product = own @ other
            if j != i and product < 0:
                own -= product / (other @ other) * other
    return projected.sum(0)

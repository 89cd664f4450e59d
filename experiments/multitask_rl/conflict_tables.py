"""How much the tasks of an agent's networks conflict, as tables have it."""

import math
import statistics
from collections.abc import Mapping, Sequence

from experiments.run import contract, rows, training

_NETWORKS = ("critic", "actor")
# What `tfmeta.training.ConflictMonitor` measures.
_SHARES = {
    "conflicting_pairs": "in conflict",
    "condition_a": "(a)",
    "condition_b": "(b)",
}
_MEASURES = _SHARES | {
    "gradient_cosine": "cosine",
    "magnitude_similarity": "Φ",
}

METRICS = [
    contract.Metric(f"{network}_{name}", title, factor, decimals, unit=unit)
    for network in _NETWORKS
    for name, title in _MEASURES.items()
    # Of so many pairs a tenth of a percent is noise.
    for factor, decimals, unit in [
        (100, 0, " %") if name in _SHARES else (1, 2, "")
    ]
]
TABLE = contract.FurtherTable(
    "Conflicts between the gradients of tasks, over all of training: the share "
    "of pairs of tasks in conflict; of these the shares that meet condition "
    "(a) of Theorem 2 of Yu et al. (2020), cosine ≤ -Φ, and what its condition "
    "(b) implies, ξ ≤ 1; of all pairs the mean cosine, and the similarity of "
    "lengths Φ.",
    [
        contract.Column(
            f"{network}s: {title}", f"{network}_{name}", show="mean"
        )
        for network in _NETWORKS
        for name, title in _MEASURES.items()
    ],
)


def means(curve: Sequence[Mapping[str, float]]) -> dict[str, rows.Estimate]:
    """Returns the means over training of what was measured of each network.

    Args:
        curve: see `training.by_network`.
    """
    measured = {
        f"{network}_{name}": [
            point[name]
            for point in points
            # Where no pair conflicts, nothing is known of pairs that do.
            if math.isfinite(point.get(name, math.nan))
        ]
        for network, points in training.by_network(curve).items()
        for name in _MEASURES
    }
    return {
        name: rows.point(statistics.mean(values))
        for name, values in measured.items()
        if values
    }

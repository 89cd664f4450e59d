"""How the scores that methods are judged by are written."""

from typing import NamedTuple

from experiments import report_checks, seed_groups


class Metric(NamedTuple):
    """How scores are written.

    Attributes:
        title: the metric's, with its unit.
        factor: to multiply with.
        decimals: to show.
        sign: 1 if more is better, -1 if less is.
    """

    title: str
    factor: float
    decimals: int
    sign: int


METRICS = {
    "accuracy": Metric("accuracy in\N{NO-BREAK SPACE}%", 100, 1, 1),
    "mse": Metric("mean squared error", 1, 3, -1),
}


def of(group: seed_groups.Group) -> Metric:
    """Returns the metric that a group's method is judged by."""
    return METRICS[report_checks.metric(group.told[0])]


def published(group: seed_groups.Group) -> str:
    """Returns the paper's figure and its spread, as far as they are known."""
    row = next((r for r in group.told if r.get("paper") is not None), None)
    if row is None:
        return ""
    metric = of(group)
    decimals = min(metric.decimals, 2)
    text = f"{metric.factor * row['paper']:.{decimals}f}"
    if row.get("paper_std") is not None:
        text += f" ({metric.factor * row['paper_std']:.{decimals}f})"
    return text

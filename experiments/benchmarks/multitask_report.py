"""Rows and tables of what several tasks cost."""

from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import multitask_workloads, rounds, tables


def make_rows(
    measurements: Sequence[rounds.Measurement],
) -> list[dict[str, Any]]:
    """Returns a row for each measurement.

    Args:
        measurements: of one run, those of a contest taken by turns.

    Returns:
        Rows as JSON holds them, see `tables.make_row`. Where memory is the
        question `extra_mb` is the peak over that of the reference, and
        `task_gradients_mb` what the gradients take that the step holds.
    """
    return [_make_row(m, measurements) for m in measurements]


def _make_row(measurement, measurements) -> dict[str, Any]:
    entry = measurement.entry
    row = tables.make_row(measurement, measurements) | {"tasks": entry.tasks}
    if entry.goal:
        row["goal"] = entry.goal
    if entry.task_gradients_mb is not None:
        row["task_gradients_mb"] = entry.task_gradients_mb
        reference = tables.find_reference(measurement, measurements)
        if reference:
            row["extra_mb"] = measurement.peak_mb - reference.peak_mb
    return row


# Title, key of the row, format.
_COLUMNS = (
    ("contender", "title", "{}"),
    ("ms", "ms", "{:.4g}"),
    ("ratio", "ratio", "{:.2f}"),
    ("quartiles", "ratio_quartiles", "{0[0]:.2f} to {0[1]:.2f}"),
    ("goal", "goal", "{}"),
    ("peak MB", "peak_mb", "{:.0f}"),
    ("over the first", "extra_mb", "{:.0f}"),
    ("task gradients, MB", "task_gradients_mb", "{:.0f}"),
    ("first step, s", "first_step_seconds", "{:.1f}"),
)


def markdown(results: dict[str, Any]) -> str:
    """Returns a run's results as Markdown: a table for each workload."""
    sizes = multitask_workloads.Sizes(**results["sizes"])
    lines = [
        tables.header(results),
        f"Convolutions of {sizes.filters} filters, then layers of "
        f"{' and '.join(map(str, sizes.units))} units; gradients of "
        f"{sizes.parameters} numbers; dense layers of {sizes.width} units. "
        "Ratio: the time over that of the first in the same round.",
    ]
    for workload, title in multitask_workloads.WORKLOADS.items():
        rows = [row for row in results["rows"] if row["workload"] == workload]
        if rows:
            lines += ["", f"**{title}**", "", *tables.table(rows, _COLUMNS)]
    lines += tables.footer(
        results, lambda row: f"{row['title']} ({row['workload']})"
    )
    return "\n".join(lines)

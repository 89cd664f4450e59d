"""Rows and table of how fast Meta-World's episodes are."""

import statistics
from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import environment_workloads, rounds, tables


def make_rows(
    measurements: Sequence[rounds.Measurement],
) -> list[dict[str, Any]]:
    """Returns a row for each measurement, see `tables.make_row`.

    Args:
        measurements: of one run, those of a contest taken by turns.
    """
    return [
        tables.make_row(measurement, measurements)
        | {"steps_per_second": _steps_per_second(measurement)}
        for measurement in measurements
    ]


def _steps_per_second(measurement) -> float:
    ms = statistics.median(measurement.round_ms)
    return 1e3 * measurement.entry.horizon / ms


def geometric_means(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Returns the geometric mean over tasks of each contender's ratio.

    Args:
        rows: of `make_rows`.
    """
    return {
        name: statistics.geometric_mean(
            row["ratio"] for row in rows if row["contender"] == name
        )
        for name in dict.fromkeys(row["contender"] for row in rows)
        if name != environment_workloads.REFERENCE
        and all("ratio" in row for row in rows)
    }


# Title, key of the row, format.
_COLUMNS = (
    ("task", "workload", "{}"),
    ("contender", "title", "{}"),
    ("steps/s", "steps_per_second", "{:.0f}"),
    ("time over tfmeta's", "ratio", "{:.2f}"),
    ("quartiles", "ratio_quartiles", "{0[0]:.2f} to {0[1]:.2f}"),
)


def markdown(results: dict[str, Any]) -> str:
    """Returns a run's results as Markdown."""
    titles = {row["contender"]: row["title"] for row in results["rows"]}
    lines = [
        tables.header(results),
        f"Episodes of {results['horizon']} steps, resets included, one core.",
        "",
        *tables.table(results["rows"], _COLUMNS),
        "",
        *(
            f"- {titles[name]}: {mean:.2f} times tfmeta's time, geometric mean"
            for name, mean in results["geometric_means"].items()
        ),
        *tables.footer(
            results, lambda row: f"{row['title']} ({row['workload']})"
        ),
    ]
    return "\n".join(lines)

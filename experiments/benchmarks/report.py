"""Rows and tables from what was measured."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import rounds, tables, workloads


class Fit(NamedTuple):
    """A straight line through times: `ms = intercept + slope * x`."""

    intercept: float
    slope: float
    r_squared: float


def make_rows(
    measurements: Sequence[rounds.Measurement], gflops: float
) -> list[dict[str, Any]]:
    """Returns a row for each measurement.

    Args:
        measurements: of one run, those of a contest taken by turns.
        gflops: the rate of matrix products, 10^9 operations a second.

    Returns:
        Rows as JSON holds them, see `tables.make_row`.
    """
    return [_make_row(m, measurements, gflops) for m in measurements]


def _make_row(measurement, measurements, gflops) -> dict[str, Any]:
    entry = measurement.entry
    row = tables.make_row(measurement, measurements) | {
        "tasks": entry.tasks,
        "inner_steps": entry.inner_steps,
    }
    if entry.workload == "input":
        return row | {"episodes_per_second": 1e3 * entry.tasks / row["ms"]}
    floor_ms = entry.flops / gflops / 1e6
    return row | {
        "gflop": entry.flops / 1e9,
        "floor_ms": floor_ms,
        "share_of_floor": floor_ms / row["ms"],
    }


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Fit:
    """Fits a straight line by least squares."""
    slope, intercept = np.polyfit(xs, ys, 1)
    residuals = np.subtract(ys, intercept + slope * np.asarray(xs))
    spread = np.subtract(ys, np.mean(ys))
    return Fit(
        float(intercept),
        float(slope),
        float(1 - residuals @ residuals / (spread @ spread)),
    )


def scaling_fits(rows: Sequence[dict[str, Any]]) -> dict[str, Fit]:
    """Fits the time to the number of tasks, and to that of inner steps.

    Args:
        rows: of `make_rows`; those of other workloads are left out.

    Returns:
        `"tasks"` at the fewest inner steps, `"inner_steps"` at the most tasks;
        nothing if there are no such rows.
    """
    scaling = [row for row in rows if row["workload"] == "scaling"]
    if not scaling:
        return {}
    fewest = min(row["inner_steps"] for row in scaling)
    most = max(row["tasks"] for row in scaling)
    by_tasks = [row for row in scaling if row["inner_steps"] == fewest]
    by_steps = [row for row in scaling if row["tasks"] == most]
    return {
        name: fit_line(
            [row[name] for row in points], [row["ms"] for row in points]
        )
        for name, points in (("tasks", by_tasks), ("inner_steps", by_steps))
    }


def appetites(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compares the input's speed with what tfmeta's conv-4 step takes.

    Args:
        rows: of `make_rows`.

    Returns:
        For each number of inner steps: `inner_steps`, `episodes_per_second`
        that the step takes, and `ratio`, how many times that the input gives.
    """
    speeds = [
        row["episodes_per_second"] for row in rows if row["workload"] == "input"
    ]
    return [
        {
            "inner_steps": row["inner_steps"],
            "episodes_per_second": 1e3 * row["tasks"] / row["ms"],
            "ratio": speed * row["ms"] / 1e3 / row["tasks"],
        }
        for speed in speeds
        for row in rows
        if row["workload"] == "conv4" and row["contender"] == "tfmeta"
    ]


# Title, key of the row, format.
_COLUMNS = (
    ("contender", "title", "{}"),
    ("tasks", "tasks", "{}"),
    ("inner steps", "inner_steps", "{}"),
    ("ms a step", "ms", "{:.4g}"),
    ("ratio", "ratio", "{:.2f}"),
    ("quartiles", "ratio_quartiles", "{0[0]:.2f} to {0[1]:.2f}"),
    ("of the floor", "share_of_floor", "{:.1%}"),
    ("peak MB", "peak_mb", "{:.0f}"),
    ("first step, s", "first_step_seconds", "{:.1f}"),
)


def markdown(results: dict[str, Any]) -> str:
    """Returns a run's results as Markdown: a table for each workload."""
    rows = results["rows"]
    lines = [
        tables.header(results),
        f"Matrix products: {results['matmul_gflops']:.0f} GFLOP/s. Ratio: the "
        "time over that of the reference in the same round.",
    ]
    for workload, title in workloads.WORKLOADS.items():
        chosen = [row for row in rows if row["workload"] == workload]
        if not chosen:
            continue
        lines += ["", f"**{title}**", ""]
        if workload == "input":
            lines += _input_lines(chosen, results["appetites"])
        else:
            lines += tables.table(chosen, _COLUMNS)
        if workload == "scaling":
            lines += ["", *_fit_lines(results["fits"])]
    lines += tables.footer(
        results, lambda row: f"{row['title']}, {_steps(row)}"
    )
    return "\n".join(lines)


def _fit_lines(fits: dict[str, Any]) -> list[str]:
    return [
        f"- ms = {fit['intercept']:.1f} + {fit['slope']:.2f} * "
        f"{name.replace('_', ' ')} (R^2 = {fit['r_squared']:.4f})"
        for name, fit in fits.items()
    ]


def _input_lines(rows, appetites) -> list[str]:
    lines = [
        f"- {row['episodes_per_second']:.0f} episodes/s, in meta-batches of "
        f"{row['tasks']}, on images in memory"
        for row in rows
    ]
    return lines + [
        f"- a step with {_steps(appetite)} takes "
        f"{appetite['episodes_per_second']:.0f}: {appetite['ratio']:.0f} times "
        "fewer"
        for appetite in appetites
    ]


def _steps(row) -> str:
    steps = row["inner_steps"]
    return f"{steps} inner step{'s' * (steps > 1)}"

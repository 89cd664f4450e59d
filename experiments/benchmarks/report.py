"""Rows and tables from what was measured."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import rounds, workloads

# Float32 rounds an activation across a ReLU's kink now and then.
_LOSS_TOLERANCE = 1e-3


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
        Rows as JSON holds them. `ratio` is the median over rounds of the time
        divided by the reference's in the same round, and `ratio_quartiles` its
        quartiles: slow spells that last longer than a round cancel in it.
    """
    return [_make_row(m, measurements, gflops) for m in measurements]


def _make_row(measurement, measurements, gflops) -> dict[str, Any]:
    entry = measurement.entry
    ms = statistics.median(measurement.round_ms)
    row = {
        "workload": entry.workload,
        "contender": entry.contender,
        "title": entry.kind.title,
        "tasks": entry.tasks,
        "inner_steps": entry.inner_steps,
        "ms": ms,
        "round_ms": measurement.round_ms,
        "peak_mb": measurement.peak_mb,
        "first_step_seconds": measurement.first_step_seconds,
        "first_loss": measurement.first_loss,
        "versions": measurement.versions,
    }
    if entry.workload == "input":
        return row | {"episodes_per_second": 1e3 * entry.tasks / ms}
    floor_ms = entry.flops / gflops / 1e6
    row |= {
        "gflop": entry.flops / 1e9,
        "floor_ms": floor_ms,
        "share_of_floor": floor_ms / ms,
    }
    reference = _reference(measurement, measurements)
    if reference is None:
        return row
    ratios = np.divide(measurement.round_ms, reference.round_ms)
    return row | {
        "reference": entry.reference,
        "ratio": float(np.median(ratios)),
        "ratio_quartiles": np.quantile(ratios, (0.25, 0.75)).tolist(),
        "same_loss": entry.workload == "regularized"
        or math.isclose(
            measurement.first_loss,
            reference.first_loss,
            rel_tol=_LOSS_TOLERANCE,
        ),
    }


def _reference(measurement, measurements):
    """Returns the measurement that this one is compared with, or None."""
    entry = measurement.entry
    for other in measurements:
        if (
            other.entry.contender == entry.reference
            and other.entry.workload == entry.workload
            and other.entry.tasks == entry.tasks
            and other.entry.inner_steps == entry.inner_steps
        ):
            return other
    return None


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
    machine, rows = results["machine"], results["rows"]
    versions: dict[str, str] = {}
    for row in rows:
        versions |= row["versions"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores; "
        + ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
        + ".",
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
            lines += _table(chosen)
        if workload == "scaling":
            lines += ["", *_fit_lines(results["fits"])]
    lines += [
        f"\n{row['title']}, {_steps(row)}: its first loss is "
        f"{row['first_loss']:.6g}, not that of {row['reference']}."
        for row in rows
        if not row.get("same_loss", True)
    ]
    if results["skipped"]:
        reasons = (
            f"{name} ({why})" for name, why in results["skipped"].items()
        )
        lines += ["", f"Skipped: {', '.join(reasons)}."]
    return "\n".join(lines)


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = [
        [title, *(form.format(row[key]) if key in row else "" for row in rows)]
        for title, key, form in _COLUMNS
        if any(key in row for row in rows)
    ]
    cells = list(zip(*columns, strict=True))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    table = [
        "| "
        + " | ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(
                zip(line, widths, strict=True)
            )
        )
        + " |"
        for line in cells
    ]
    rule = "|".join(
        "-" * (width + 2) if not number else "-" * (width + 1) + ":"
        for number, width in enumerate(widths)
    )
    return [table[0], f"|{rule}|", *table[1:]]


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

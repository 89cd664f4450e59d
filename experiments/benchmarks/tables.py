"""What the rows and tables of all benchmarks have in common."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.benchmarks import rounds

# Float32 rounds an activation across a ReLU's kink now and then.
_LOSS_TOLERANCE = 1e-3


def make_row(
    measurement: rounds.Measurement, measurements: Sequence[rounds.Measurement]
) -> dict[str, Any]:
    """Returns the row of a measurement.

    Args:
        measurement: the one.
        measurements: of the same run, those of a contest taken by turns.

    Returns:
        A row as JSON holds it. Where the entry's reference was measured, too,
        `ratio` is the median over rounds of the time divided by the reference's
        in the same round, and `ratio_quartiles` its quartiles: slow spells that
        last longer than a round cancel in it.
    """
    entry = measurement.entry
    row = {
        "workload": entry.workload,
        "contender": entry.contender,
        "title": entry.kind.title,
        "ms": statistics.median(measurement.round_ms),
        "round_ms": measurement.round_ms,
        "peak_mb": measurement.peak_mb,
        "first_step_seconds": measurement.first_step_seconds,
        "first_loss": measurement.first_loss,
        "versions": measurement.versions,
    }
    reference = find_reference(measurement, measurements)
    if reference is None:
        return row
    ratios = np.divide(measurement.round_ms, reference.round_ms)
    return row | {
        "reference": entry.reference,
        "ratio": float(np.median(ratios)),
        "ratio_quartiles": np.quantile(ratios, (0.25, 0.75)).tolist(),
        "same_loss": not entry.has_loss_of_reference
        or math.isclose(
            measurement.first_loss,
            reference.first_loss,
            rel_tol=_LOSS_TOLERANCE,
        ),
    }


def find_reference(
    measurement: rounds.Measurement, measurements: Sequence[rounds.Measurement]
) -> rounds.Measurement | None:
    """Returns the measurement that one is compared with, if it was made."""
    entry: Any = measurement.entry
    if entry.reference is None:
        return None
    wanted = dataclasses.replace(entry, contender=entry.reference)
    return next((m for m in measurements if m.entry == wanted), None)


def header(results: Mapping[str, Any]) -> str:
    """Returns a line on the machine and the packages."""
    machine = results["machine"]
    versions: dict[str, str] = {}
    for row in results["rows"]:
        versions |= row["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores; "
        + ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
        + "."
    )


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[tuple[str, str, str]]
) -> list[str]:
    """Returns the lines of a Markdown table.

    Args:
        rows: a line each.
        columns: title, key of the row and format; the first is flush left.
            Those whose key no row has are left out.
    """
    filled = [
        [title, *(form.format(row[key]) if key in row else "" for row in rows)]
        for title, key, form in columns
        if any(key in row for row in rows)
    ]
    cells = list(zip(*filled, strict=True))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
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
    return [lines[0], f"|{rule}|", *lines[1:]]


def footer(
    results: Mapping[str, Any], name: Callable[[Mapping[str, Any]], str]
) -> list[str]:
    """Returns lines on what was not as it should be.

    Args:
        results: of a run, see `sessions.Session.record`.
        name: tells which row is meant.
    """
    lines = [
        f"\n{name(row)}: its first loss is {row['first_loss']:.6g}, not that "
        f"of {row['reference']}."
        for row in results["rows"]
        if not row.get("same_loss", True)
    ]
    if results["skipped"]:
        reasons = (
            f"{name} ({why})" for name, why in results["skipped"].items()
        )
        lines += ["", f"Skipped: {', '.join(reasons)}."]
    return lines

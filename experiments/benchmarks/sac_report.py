"""Rows and table of how fast SAC is."""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.benchmarks import rounds, sac_workloads, tables


def make_rows(
    measurements: Sequence[rounds.Measurement],
) -> list[dict[str, Any]]:
    """Returns a row for each measurement, see `tables.make_row`.

    `per_second` is how often what the workload counts was done.

    Args:
        measurements: of one run, those of a contest taken by turns.
    """
    return [
        tables.make_row(measurement, measurements)
        | {
            "per_second": 1e3
            * sac_workloads.COUNTS[measurement.entry.workload]
            / statistics.median(measurement.round_ms)
        }
        for measurement in measurements
    ]


def check_goals(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Holds the rows against `sac_workloads.GOALS`.

    Args:
        rows: of `make_rows`.

    Returns:
        For each goal whose two contenders ran: `workload`, `slower`, `faster`,
        the `goal`, the `ratio` of their times in a round (the median), and
        whether it is `met`.
    """
    times = {
        (row["workload"], row["contender"]): row["round_ms"] for row in rows
    }
    checks = []
    for workload, slower, faster, goal in sac_workloads.GOALS:
        of_slower = times.get((workload, slower))
        of_faster = times.get((workload, faster))
        if of_slower is None or of_faster is None:
            continue
        ratio = float(np.median(np.divide(of_slower, of_faster)))
        checks.append(
            {
                "workload": workload,
                "slower": slower,
                "faster": faster,
                "goal": goal,
                "ratio": ratio,
                "met": ratio <= goal if workload == "tasks" else ratio >= goal,
            }
        )
    return checks


# Title, key of the row, format.
_COLUMNS = (
    ("contender", "title", "{}"),
    ("a second", "per_second", "{:.4g}"),
    ("ms", "ms", "{:.4g}"),
    ("time over the first's", "ratio", "{:.2f}"),
    ("quartiles", "ratio_quartiles", "{0[0]:.2f} to {0[1]:.2f}"),
    ("first step, s", "first_step_seconds", "{:.1f}"),
)


def markdown(results: dict[str, Any]) -> str:
    """Returns a run's results as Markdown: a table for each workload."""
    titles = {row["contender"]: row["title"] for row in results["rows"]}
    lines = [
        tables.header(results),
        "Networks of two layers of 256, one core.",
    ]
    for workload, title in sac_workloads.WORKLOADS.items():
        rows = [row for row in results["rows"] if row["workload"] == workload]
        if rows:
            lines += ["", f"**{title}**", "", *tables.table(rows, _COLUMNS)]
    if results["goals"]:
        lines.append("")
    for check in results["goals"]:
        bound = "at most" if check["workload"] == "tasks" else "at least"
        lines.append(
            f"- {check['workload']}: {titles[check['slower']]} takes "
            f"{check['ratio']:.2f} times as long as {titles[check['faster']]}; "
            f"the goal is {bound} {check['goal']}, "
            + ("met." if check["met"] else "missed.")
        )
    lines += tables.footer(
        results, lambda row: f"{row['title']} ({row['workload']})"
    )
    return "\n".join(lines)

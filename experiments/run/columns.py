"""What the columns of an experiment's tables show of a group of runs."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from experiments.run import contract, groups, table
from experiments.run.table import Look, Text

Group = groups.Group
# What heads a line: the head of its column, and from a group to its cell.
First = tuple[table.Head, Callable[[Group], table.Cell]]

METHOD: First = (
    table.Head("method", left=True),
    lambda group: table.cell(group.title),
)
TASKS: First = (
    table.Head("tasks", left=True),
    lambda group: table.cell(
        group.experiment.problem_title(group.problem, short=True)
    ),
)


def make_table(
    caption: str,
    first: Sequence[First],
    columns: Sequence[contract.Column],
    lines: Sequence[Group],
) -> table.Table:
    """Makes a table with a line for each group.

    Args:
        caption: what it shows.
        first: the columns that head the lines.
        columns: the others; those in which no line has anything are left out.
        lines: the groups.
    """
    return table.Table(
        caption,
        [
            *(head for head, _ in first),
            *(
                table.Head(
                    column.title,
                    left=column.show == "note",
                    strong=column.is_result,
                )
                for column in columns
            ),
        ],
        [
            [
                *(cell(group) for _, cell in first),
                *(_SHOWN[column.show](column, group) for column in columns),
            ]
            for group in lines
        ],
    ).without_empty_columns()


def show_value(setting: Any) -> str:
    """Returns the value of a setting as text, nothing for None."""
    if isinstance(setting, list | tuple):
        return ", ".join(map(show_value, setting))
    if isinstance(setting, float):
        return f"{setting:g}"
    return "" if setting is None else str(setting)


def show_chance(
    experiment: contract.Experiment, problem: contract.Values
) -> str:
    """Returns what a guess scores, nothing if that is not known."""
    chance = experiment.chance(problem)
    if chance is None:
        return ""
    metric = experiment.metric
    return table.number(metric.factor * chance, metric.decimals)


def show_spread(column: contract.Column, group: Group) -> table.Cell:
    """Returns a metric's mean over seeds ± its standard deviation."""
    metric = group.experiment.find_metric(column.value)
    mean, deviation = table.spread(
        group.means(column.value, column.splits), metric.decimals
    )
    look = Look.STRONG if column.is_result else Look.PLAIN
    unit = Text(metric.unit if mean else "")
    if column.show == "spread":
        return table.Cell((Text(f"{mean}{deviation}", look), unit))
    return table.Cell((Text(mean, look), Text(deviation, Look.DETAIL), unit))


def show_published(column: contract.Column, group: Group) -> table.Cell:
    """Returns the paper's figure and its spread, as far as they are known."""
    figure = group.published
    if figure is None:
        return table.Cell()
    metric = group.experiment.metric
    decimals = min(metric.decimals, 2)
    text = table.number(metric.factor * figure.mean, decimals)
    if figure.std is not None:
        text += f" ({table.number(metric.factor * figure.std, decimals)})"
    return table.cell(text)


def _show_seeds(column: contract.Column, group: Group) -> table.Cell:
    metric = group.experiment.find_metric(column.value)
    decimals = metric.decimals if column.show == "seeds" else None
    parts: list[Text] = []
    for estimate in group.estimates(column.value, column.splits):
        mean = table.number(metric.factor * estimate["mean"], decimals)
        parts += [Text(", ")] * bool(parts) + [Text(mean)]
        if column.show == "seeds" and estimate["ci95"] is not None:
            half = table.number(metric.factor * estimate["ci95"], decimals)
            parts.append(Text(f" ± {half}", Look.DETAIL))
    return table.Cell(tuple(parts))


def _show_range(column: contract.Column, group: Group) -> table.Cell:
    parts = [
        {name for name in row["metrics"] if name.startswith(column.value)}
        for row in group.main_rows
    ]
    # Of different parts there is no common range.
    if not parts[0] or any(names != parts[0] for names in parts):
        return table.Cell()
    means = [statistics.mean(group.means(name)) for name in parts[0]]
    # Both ends are single tasks' and known less well than a mean over tasks.
    decimals = group.experiment.find_metric(column.value).decimals - 1
    least, greatest = (
        table.number(end, decimals) for end in (min(means), max(means))
    )
    return table.cell(f"{least} to {greatest}")


def _show_setting(column: contract.Column, group: Group) -> table.Cell:
    # Zero turns a setting off.
    return table.cell(show_value(group.asked.get(column.value) or None))


def _show_minutes(column: contract.Column, group: Group) -> table.Cell:
    minutes = statistics.mean(row["seconds"] for row in group.main_rows) / 60
    return table.cell(f"{minutes:.{0 if minutes >= 1 else 1}f}")


def _show_note(column: contract.Column, group: Group) -> table.Cell:
    notes = {
        row.get("notes", {}).get(column.value, "") for row in group.main_rows
    }
    return table.cell("; ".join(sorted(filter(None, notes))))


_SHOWN: dict[str, Callable[[contract.Column, Group], table.Cell]] = {
    "spread": show_spread,
    "mean": show_spread,
    "seeds": _show_seeds,
    "values": _show_seeds,
    "range": _show_range,
    "paper": show_published,
    "setting": _show_setting,
    "minutes": _show_minutes,
    "note": _show_note,
}

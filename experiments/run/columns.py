"""What the columns of an experiment's tables show of a group of runs."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from experiments.run import contract, interquartile, rows, table
from experiments.run.contract import Column
from experiments.run.groups import Group

# Values of the budget that do not change what is learned.
_OF_EVALUATION = ("eval_splits", "eval_tasks", "steps_per_epoch")


def make_table(
    caption: str, columns: Sequence[Column], groups: Sequence[Group]
) -> table.Table:
    """Makes a table with a line for each group.

    Where lines of one method differ in settings that have no column, these are
    notes on the method's title.

    Args:
        caption: what it shows.
        columns: its columns; those in which no line has anything are left out.
        groups: the groups.
    """
    shown = {column.value for column in columns if column.show == "setting"}

    def cell(column: Column, group: Group) -> table.Cell:
        if column.show == "method":
            note = _differences(group, groups, shown)
            return table.Cell(group.title, note=note)
        return show(column, group)

    lines = [[cell(column, group) for column in columns] for group in groups]
    return table.Table(caption, columns, lines).without_empty_columns()


def further_tables(of: Sequence[Group]) -> list[table.Table]:
    """Makes the further tables of an experiment that have a line.

    Args:
        of: the groups of one experiment.
    """
    first = (Column("method", show="method"), Column("tasks", show="problem"))
    return [
        make_table(
            wanted.caption,
            [*first, *wanted.columns],
            lines,
        )
        for wanted in of[0].experiment.further
        if (
            lines := [
                group
                for group in of
                if any(show(c, group).text for c in wanted.columns)
            ]
        )
    ]


def show(column: Column, group: Group) -> table.Cell:
    """Returns what a column shows of a group."""
    return _SHOWN[column.show](column, group)


def show_value(setting: Any) -> str:
    """Returns the value of a setting as text, nothing for None."""
    if isinstance(setting, list | tuple):
        return ", ".join(map(show_value, setting))
    if isinstance(setting, float):
        return f"{setting:g}"
    return "" if setting is None else str(setting)


def show_setting(experiment: contract.Experiment, name: str, value: Any) -> str:
    """Returns a setting as one says it: "8 tasks a step", "beta 1e-05"."""
    title = setting_title(experiment, name)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value} {title}"
    return f"{title} {show_value(value)}"


def setting_title(experiment: contract.Experiment, name: str) -> str:
    """Returns what tables call a setting."""
    return experiment.setting_titles.get(name, name.replace("_", " "))


def show_chance(
    experiment: contract.Experiment, problem: contract.Values
) -> str:
    """Returns what a guess scores, nothing if that is not known."""
    chance = experiment.chance(problem)
    if chance is None:
        return ""
    metric = experiment.metric
    return table.number(metric.factor * chance, metric.decimals)


def _differences(group: Group, groups: Sequence[Group], shown: set[str]) -> str:
    """Returns in what else a method differs from its other lines."""
    others = [
        other
        for other in groups
        if (other.method, other.problem) == (group.method, group.problem)
    ]
    return ", ".join(
        show_setting(group.experiment, name, value)
        for name, value in group.asked.items()
        if name not in (*shown, *_OF_EVALUATION)
        and any(other.asked.get(name, value) != value for other in others)
    )


def _show_spread(column: Column, group: Group) -> table.Cell:
    metric = group.experiment.find_metric(column.value)
    mean, deviation = table.spread(
        group.means(column.value, column.splits), metric.decimals
    )
    unit = metric.unit if mean else ""
    full = f"{mean}{deviation}{unit}"
    text = full if column.show == "spread" else f"{mean}{unit}"
    return table.Cell(text, full)


def _show_seeds(column: Column, group: Group) -> table.Cell:
    metric = group.experiment.find_metric(column.value)
    decimals = metric.decimals if column.show == "seeds" else None
    means, full = [], []
    for estimate in group.estimates(column.value, column.splits):
        mean, half = (
            ""
            if value is None
            else table.number(metric.factor * value, decimals)
            for value in (estimate["mean"], estimate["ci95"])
        )
        means.append(mean)
        full.append(f"{mean} ± {half}" if half else mean)
    if column.show == "values":
        return table.Cell(", ".join(means))
    return table.Cell(", ".join(means), ", ".join(full))


def _show_range(column: Column, group: Group) -> table.Cell:
    means = [statistics.mean(of_part) for of_part in _parts(column, group)]
    if not means:
        return table.Cell()
    # One part is known less well than the mean over all.
    decimals = group.experiment.find_metric(column.value).decimals - 1
    ends = (table.number(end, decimals) for end in (min(means), max(means)))
    return table.Cell(" to ".join(ends))


def _show_interquartile(column: Column, group: Group) -> table.Cell:
    parts = _parts(column, group)
    if not parts:
        return table.Cell()
    by_seed = list(zip(*parts, strict=True))
    decimals = group.experiment.find_metric(column.value).decimals
    mean, low, high = (
        table.number(value, decimals)
        for value in interquartile.estimate(by_seed)
    )
    # What other seeds would give, one seed cannot tell.
    return table.Cell(
        mean if len(by_seed) == 1 else f"{mean} ({low} to {high})"
    )


def _parts(column: Column, group: Group) -> list[list[float]]:
    """Returns the means of each part of a metric, one for each seed.

    Of different parts there is nothing in common, and nothing is returned.
    """
    parts = [
        {name for name in row["metrics"] if name.startswith(column.value)}
        for row in group.main_rows
    ]
    if any(names != parts[0] for names in parts):
        return []
    return [group.means(name) for name in sorted(parts[0])]


def _show_published(column: Column, group: Group) -> table.Cell:
    figure = group.published
    if figure is None:
        return table.Cell()
    metric = group.experiment.metric
    mean, *deviation = (
        table.number(metric.factor * value, min(metric.decimals, 2))
        for value in (figure.mean, figure.std)
        if value is not None
    )
    return table.Cell(f"{mean} ({deviation[0]})" if deviation else mean)


def _show_note(column: Column, group: Group) -> table.Cell:
    notes = {
        (row.get("notes") or {}).get(column.value) for row in group.main_rows
    }
    return table.Cell("; ".join(sorted(filter(None, notes))))


def _show_minutes(column: Column, group: Group) -> table.Cell:
    minutes = statistics.mean(row["seconds"] for row in group.main_rows) / 60
    return table.Cell(f"{minutes:.{0 if minutes >= 1 else 1}f}")


_SHOWN: dict[str, Callable[[Column, Group], table.Cell]] = {
    "spread": _show_spread,
    "mean": _show_spread,
    "seeds": _show_seeds,
    "values": _show_seeds,
    "range": _show_range,
    "interquartile": _show_interquartile,
    "paper": _show_published,
    "note": _show_note,
    "minutes": _show_minutes,
    # Zero turns a setting off.
    "setting": lambda column, group: table.Cell(
        show_value(group.asked.get(column.value) or None)
    ),
    "tasks": lambda _, group: table.Cell(
        group.experiment.problem_title(group.problem, short=True)
    ),
    "problem": lambda _, group: table.Cell(
        group.experiment.problem_title(group.problem)
    ),
    "split": lambda _, group: table.Cell(", ".join(group.by_split)),
    "seed numbers": lambda _, group: table.Cell(
        ", ".join(str(row["seed"]) for row in group.main_rows)
    ),
    "commits": lambda _, group: table.Cell(rows.short_commits(group.all_rows)),
}

"""The tables of the report and of RESULTS.md, made of groups of rows.

All groups are of one experiment.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from experiments.run import columns, contract, groups, table
from experiments.run.contract import Column
from experiments.run.groups import Group

_METHOD = Column("method", show="method")
_TASKS = Column("tasks", show="tasks")
_PROBLEM = Column("tasks", show="problem")
_PAPER = Column("paper", show="paper")
_RUNS = (
    Column("min", show="minutes"),
    Column("seeds", show="seed numbers"),
    Column("commit", show="commits"),
)


def comparisons(of: Sequence[Group]) -> list[table.Table]:
    """Makes tables of our figures beside the papers', problem by problem.

    Where the tables of scores show no more, there are none.
    """
    experiment = of[0].experiment
    metric, test = experiment.metric, tuple(experiment.splits[-1:])
    tables = []
    for source in groups.partition(of, _source):
        problems = [
            tested
            for problem in groups.partition(source, _problem)
            if any(group.published for group in problem)
            and (tested := [group for group in problem if group.tested])
        ]
        shown = [group for tested in problems for group in tested]
        methods = dict.fromkeys(group.method for group in shown)
        if len(shown) == len(methods):
            continue
        title = experiment.problem_title(_source(shown[0]))
        # Without splits, tasks are scored that were trained on.
        of_tasks = [
            *(["New tasks"] if test else []),
            *([title] if title else []),
        ]
        caption = ", ".join(of_tasks)
        caption += f": {metric.title}, ours beside the paper’s."
        heads = [_METHOD]
        lines = [
            [table.Cell(groups.method_title(experiment, method))]
            for method in methods
        ]
        for tested in problems:
            size = experiment.problem_title(tested[0].problem, short=True)
            ours = Column(size, metric.name, test, is_result=True)
            heads += [ours, _PAPER]
            best = {g.method: g for g in sorted(tested, key=_validated)}
            for line, method in zip(lines, methods, strict=True):
                line += [
                    columns.show(column, best[method])
                    if method in best
                    else table.Cell()
                    for column in (ours, _PAPER)
                ]
            if len(best) < len(tested) and "Of several" not in caption:
                caption += (
                    " Of several settings of a method, those that did best on"
                    " validation tasks."
                )
        tables.append(table.Table(caption, heads, lines))
    return tables


def scores(of: Sequence[Group]) -> list[tuple[table.Table, bool]]:
    """Makes a table of all scores for each problem.

    Returns:
        The tables, each with whether its settings were only tried where those
        of the table before it were tested.
    """
    name = of[0].experiment.metric.name
    tables = []
    for problem in groups.partition(of, _problem):
        scored = [group for group in problem if group.estimates(name)]
        tested = [group for group in scored if group.tested]
        tried = [group for group in scored if not group.tested]
        tables += [(_scores(tested), False)] if tested else []
        tables += [(_scores(tried), bool(tested))] if tried else []
    return tables


def _scores(of: Sequence[Group]) -> table.Table:
    experiment, problem = of[0].experiment, of[0].problem
    titles = (experiment.problem_title(problem), experiment.metric.title)
    caption = f"{table.capitalize(': '.join(filter(None, titles)))}."
    chance = columns.show_chance(experiment, problem)
    if chance:
        caption += f" Chance is {chance}."
    return columns.make_table(caption, [_METHOD, *experiment.columns], of)


def notes(of: Sequence[Group]) -> list[str]:
    """Returns the paragraphs below the tables."""
    experiment = of[0].experiment
    rows = [row for group in of for row in group.all_rows]
    paragraphs = list(experiment.page_notes(rows))
    if experiment.published_note and any(group.published for group in of):
        paragraphs.append(experiment.published_note)
    return paragraphs


def results(of: Sequence[Group]) -> str:
    """Returns the scores on all problems, and notes, in Markdown."""
    shown = [*_first(of), *of[0].experiment.columns]
    return "\n\n".join(
        [columns.make_table("", shown, of).markdown(), *notes(of)]
    )


def settings(of: Sequence[Group]) -> str:
    """Returns how methods were trained, and by what, in Markdown."""
    shown = _settings(of[0].experiment, of[0].experiment.shown_settings)
    return columns.make_table("", [*_first(of), *shown, *_RUNS], of).markdown()


def all_settings(of: Sequence[Group]) -> table.Table:
    """Makes the table of all settings of methods, and of their runs.

    Settings that are the same on all lines are in the caption.
    """
    rows = [row for group in of for row in group.main_rows]
    differing, common = [], []
    for name in {n: 0 for r in rows for n in (*r["budget"], *r["settings"])}:
        values = [group.asked.get(name) for group in of]
        if any(value != values[0] for value in values):
            differing.append(name)
        else:
            common.append(
                columns.show_setting(of[0].experiment, name, values[0])
            )
    caption = f"Settings, and minutes of a run. For all: {', '.join(common)}."
    shown = _settings(of[0].experiment, differing)
    first = [_METHOD, _PROBLEM, *_RUNS]
    return columns.make_table(caption, [*first, *shown], of)


def _settings(
    experiment: contract.Experiment, names: Sequence[str]
) -> list[Column]:
    return [
        Column(columns.setting_title(experiment, name), name, show="setting")
        for name in names
    ]


def _first(of: Sequence[Group]) -> list[Column]:
    """Returns the columns that head the lines of all problems."""
    has_sizes = any(trait.is_size for trait in of[0].experiment.traits)
    return [_TASKS, _METHOD] if has_sizes else [_METHOD]


def _validated(group: Group) -> tuple[float, int]:
    """Returns what sorts a method's settings by validation, and seeds."""
    metric = group.experiment.metric
    means = group.means(metric.name, group.experiment.splits[-2:-1])
    if not means or not all(map(math.isfinite, means)):
        return -math.inf, len(means)
    return metric.sign * statistics.mean(means), len(means)


def _problem(group: Group) -> contract.Values:
    return group.problem


def _source(group: Group) -> dict[str, Any]:
    """Returns a problem without the size of its tasks."""
    sizes = {t.name for t in group.experiment.traits if t.is_size}
    return {k: v for k, v in group.problem.items() if k not in sizes}

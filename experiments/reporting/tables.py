"""The tables of the report and of RESULTS.md, made of groups of rows."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from experiments.run import columns, contract, groups, table
from experiments.run.contract import Column
from experiments.run.groups import Group

_MINUTES = Column("min", show="minutes")
_SEEDS = Column("seeds", show="seed numbers")
_COMMITS = Column("commit", show="commits")
_PAPER = Column("paper", show="paper")


def comparisons(of: Sequence[Group]) -> list[table.Table]:
    """Makes tables of our figures beside the papers', one for each source.

    A column of figures is of one problem. Where the tables of scores show no
    more, there are none.

    Args:
        of: the groups of one experiment.
    """
    tables = []
    for source in groups.partition(of, _source):
        problems = [
            tested
            for problem in groups.partition(source, _problem)
            if any(group.published for group in problem)
            and (tested := [group for group in problem if group.tested])
        ]
        shown = [group for tested in problems for group in tested]
        if len(shown) > len({group.method for group in shown}):
            tables.append(_comparison(problems))
    return tables


def _comparison(problems: Sequence[Sequence[Group]]) -> table.Table:
    experiment = problems[0][0].experiment
    metric = experiment.metric
    ours = Column(
        "ours", metric.name, tuple(experiment.splits[-1:]), is_result=True
    )
    best = [
        {group.method: group for group in sorted(problem, key=_validated)}
        for problem in problems
    ]
    methods = dict.fromkeys(g.method for problem in problems for g in problem)
    title = experiment.problem_title(_source(problems[0][0]))
    caption = (
        f"New tasks{f', {title}' if title else ''}: {metric.title}, ours "
        "beside the paper’s."
    )
    if any(len(own) > len(of) for own, of in zip(problems, best, strict=True)):
        caption += (
            " Of several settings of a method, those that did best on"
            " validation tasks."
        )
    return table.Table(
        caption,
        [
            table.Head("method", left=True),
            *(
                table.Head(title)
                for _ in problems
                for title in ("ours", "paper")
            ),
        ],
        [
            [
                table.Cell(groups.method_title(experiment, method)),
                *(
                    columns.show(column, own[method])
                    if method in own
                    else table.Cell()
                    for own in best
                    for column in (ours, _PAPER)
                ),
            ]
            for method in methods
        ],
        [
            ("", 1),
            *(
                (experiment.problem_title(problem[0].problem, short=True), 2)
                for problem in problems
            ),
        ],
    )


def scores(of: Sequence[Group]) -> list[tuple[table.Table, int]]:
    """Makes a table of all scores for each problem.

    Args:
        of: the groups of one experiment.

    Returns:
        The tables. Where some settings of a problem were tested, others that
        were only tried are in a table behind, with their number; all other
        tables have 0.
    """
    name = of[0].experiment.metric.name
    tables = []
    for problem in groups.partition(of, _problem):
        scored = [group for group in problem if group.estimates(name)]
        tested = [group for group in scored if group.tested]
        tried = [group for group in scored if not group.tested]
        if tested:
            tables.append((_scores(tested), 0))
        if tried:
            tables.append((_scores(tried), len(tried) if tested else 0))
    return tables


def _scores(of: Sequence[Group]) -> table.Table:
    experiment, problem = of[0].experiment, of[0].problem
    titles = (experiment.problem_title(problem), experiment.metric.title)
    caption = f"{table.capitalize(': '.join(filter(None, titles)))}."
    chance = columns.show_chance(experiment, problem)
    if chance:
        caption += f" Chance is {chance}."
    return columns.make_table(
        caption, [columns.METHOD, *experiment.columns], of
    )


def further(of: Sequence[Group]) -> list[table.Table]:
    """Makes the further tables of an experiment that have a line.

    Args:
        of: the groups of one experiment.
    """
    return [
        columns.make_table(
            wanted.caption,
            [columns.METHOD, columns.PROBLEM, *wanted.columns],
            lines,
        )
        for wanted in of[0].experiment.further
        if (
            lines := [
                group
                for group in of
                if any(columns.show(c, group).text for c in wanted.columns)
            ]
        )
    ]


def notes(of: Sequence[Group]) -> list[str]:
    """Returns the paragraphs below the tables of groups of one experiment."""
    experiment = of[0].experiment
    paragraphs = list(
        experiment.page_notes([row for group in of for row in group.all_rows])
    )
    if experiment.published_note and any(group.published for group in of):
        paragraphs.append(experiment.published_note)
    return paragraphs


def results(of: Sequence[Group]) -> str:
    """Returns the scores of all problems in Markdown.

    Args:
        of: the groups of one experiment.
    """
    shown = [*_first(of), *of[0].experiment.columns]
    made = columns.make_table("", shown, of).markdown()
    return "\n\n".join([made, *notes(of)])


def settings(of: Sequence[Group]) -> str:
    """Returns how methods were trained, and by what, in Markdown.

    Args:
        of: the groups of one experiment.
    """
    experiment = of[0].experiment
    shown = [
        Column(columns.setting_title(experiment, name), name, show="setting")
        for name in experiment.shown_settings
    ]
    return columns.make_table(
        "", [*_first(of), *shown, _MINUTES, _SEEDS, _COMMITS], of
    ).markdown()


def all_settings(of: Sequence[Group]) -> table.Table:
    """Makes the table of all settings of the methods of a run.

    Args:
        of: the groups of the run.
    """
    experiment = of[0].experiment
    values: dict[str, dict[str, dict[str, None]]] = {}
    for group in of:
        for name, value in group.main_rows[0]["settings"].items():
            known = values.setdefault(name, {}).setdefault(group.method, {})
            known[columns.show_value(value)] = None
    methods = dict.fromkeys(group.method for group in of)
    titles = [groups.method_title(experiment, method) for method in methods]
    return table.Table(
        "Settings of the methods.",
        [table.Head("setting", left=True), *map(table.Head, titles)],
        [
            [
                table.Cell(columns.setting_title(experiment, name)),
                *(
                    table.Cell(", ".join(known.get(method, ())))
                    for method in methods
                ),
            ]
            for name, known in values.items()
        ],
    ).without_empty_columns()


def _first(of: Sequence[Group]) -> list[Column]:
    """Returns the columns that head the lines of all problems."""
    has_sizes = any(trait.is_size for trait in of[0].experiment.traits)
    return [columns.TASKS, columns.METHOD] if has_sizes else [columns.METHOD]


def _validated(group: Group) -> tuple[float, int]:
    """Returns what sorts a method's settings by validation, and seeds."""
    metric = group.experiment.metric
    of = group.means(metric.name, group.experiment.splits[-2:-1])
    if not of or not all(map(math.isfinite, of)):
        return -math.inf, len(of)
    return metric.sign * statistics.mean(of), len(of)


def _problem(group: Group) -> contract.Values:
    return group.problem


def _source(group: Group) -> dict[str, Any]:
    """Returns a problem without the size of its tasks."""
    sizes = {t.name for t in group.experiment.traits if t.is_size}
    return {k: v for k, v in group.problem.items() if k not in sizes}

"""The tables that a run and a study print."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.run import columns, contract, groups, rows, table
from experiments.run.table import Look, Text


def of_run(experiment: contract.Experiment, of: Sequence[rows.Row]) -> str:
    """Returns the results of a run as text, a line for each method and split.

    Args:
        experiment: what was run.
        of: the rows of `results.json`.
    """
    lines = [
        groups.Group(
            experiment,
            row["method"],
            row["problem"],
            {**row["problem"], **row["budget"], **row["settings"]},
            {row["split"]: [row]},
        )
        for row in of
    ]
    split: columns.First = (
        table.Head("split", left=True),
        lambda group: table.cell("".join(filter(None, group.by_split))),
    )
    printed = columns.make_table(
        "",
        (columns.METHOD, split),
        experiment.lines,
        lines,
    )
    caption = (
        f"{table.capitalize(experiment.metric.title)} with its 95% interval"
    )
    chance = columns.show_chance(experiment, of[0]["problem"])
    if chance:
        caption += f"; chance is {chance}"
    return "\n".join([caption, printed.plain(), *experiment.notes(of)])


def of_study(
    study: contract.Study, results: Sequence[Mapping[str, Any]]
) -> table.Table:
    """Returns the table of a study: a line a method, a column a value.

    Args:
        study: the study.
        results: contents of `results.json` files that differ by their seed
            alone.
    """
    names = [sweep.setting for sweep in study.sweeps]
    cells: dict[tuple[str, str], list[groups.Group]] = {}
    values: dict[str, list[Any]] = {}
    for group in groups.collect(results, study.experiment):
        at = [group.asked.get(name) for name in names]
        title = ", ".join(columns.show_value(value) or "none" for value in at)
        values[title] = [groups.sortable(value) for value in at]
        cells.setdefault((group.method, title), []).append(group)
    scores = {key: _scores(study, of) for key, of in cells.items()}
    first = study.experiment.find_metric(study.scores[0].metric)
    firsts = [first.sign * of[0] for of in scores.values() if of]
    worst, best = min(firsts, default=0), max(firsts, default=0)

    def cell(method: str, title: str) -> table.Cell:
        of = scores.get((method, title))
        if not of:
            return table.cell("diverged" if of == [] else "")
        shown, *others = (table.number(score, first.decimals) for score in of)
        share = (first.sign * of[0] - worst) / ((best - worst) or 1)
        return table.Cell(
            (Text(shown), *(Text(f" / {text}", Look.MUTED) for text in others)),
            share,
        )

    titles = study.experiment.setting_titles
    heads = sorted(values, key=values.__getitem__)
    return table.Table(
        study.note,
        [
            table.Head(", ".join(titles[name] for name in names), left=True),
            *map(table.Head, heads),
        ],
        [
            [
                table.cell(groups.method_title(study.experiment, method)),
                *(cell(method, title) for title in heads),
            ]
            for method in dict.fromkeys(method for method, _ in cells)
        ],
    )


def _scores(study: contract.Study, of: Sequence[groups.Group]) -> list[float]:
    """Returns the means of a cell's scores; of what diverged there are none."""
    means = [
        [
            mean
            for group in of
            for mean in group.means(score.metric, [score.split])
        ]
        for score in study.scores
    ]
    return list(map(statistics.mean, means)) if all(means) else []

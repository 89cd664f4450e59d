"""The tables that a run and a study print."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.run import columns, contract, groups, rows, table


def of_run(experiment: contract.Experiment, of: Sequence[rows.Row]) -> str:
    """Returns the results of a run as text, a line for each method and split.

    Args:
        experiment: what was run.
        of: the rows of `results.json`.
    """
    # A spread over seeds says nothing of one; its interval does.
    shown = [
        dataclasses.replace(column, show="seeds")
        if column.show == "spread"
        else column
        for column in experiment.lines
    ]
    lines = [
        group
        for row in of
        for group in groups.collect([{"rows": [row]}], experiment)
    ]
    made = columns.make_table(
        f"{table.capitalize(experiment.metric.title)} with its 95% interval",
        [columns.METHOD, contract.Column("split", show="split"), *shown],
        lines,
    )
    chance = columns.show_chance(experiment, of[0]["problem"])
    caption = made.caption + (f"; chance is {chance}" if chance else "")
    return "\n".join([caption, made.plain(), *experiment.notes(of)])


def of_study(
    study: contract.Study, results: Sequence[Mapping[str, Any]]
) -> table.Table:
    """Returns the table of a study: a line a method, a column a value.

    Args:
        study: the study.
        results: contents of `results.json` files that differ by their seed
            alone.
    """
    titles = study.experiment.setting_titles
    # Seeds are no setting: of these there is a mean.
    names = [s.setting for s in study.sweeps if s.setting in titles]
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
            return table.Cell("diverged" if of == [] else "")
        texts = [table.number(score, first.decimals) for score in of]
        share = (first.sign * of[0] - worst) / ((best - worst) or 1)
        return table.Cell(" / ".join(texts), share=share)

    titles = [columns.setting_title(study.experiment, name) for name in names]
    heads = sorted(values, key=values.__getitem__)
    return table.Table(
        study.note,
        [table.Head(", ".join(titles), left=True), *map(table.Head, heads)],
        [
            [
                table.Cell(groups.method_title(study.experiment, method)),
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
            for mean in group.means(score.metric, (score.split,))
        ]
        for score in study.scores
    ]
    return list(map(statistics.mean, means)) if all(means) else []

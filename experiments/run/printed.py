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
        [contract.Column(n, show=n) for n in ("method", "split")] + shown,
        lines,
    )
    chance = columns.show_chance(experiment, of[0]["problem"])
    caption = made.caption + (f"; chance is {chance}" if chance else "")
    further = [
        f"{wanted.caption}\n{wanted.plain()}"
        for wanted in columns.further_tables(
            groups.collect([{"rows": of}], experiment)
        )
    ]
    return "\n".join([caption, made.plain(), *experiment.notes(of), *further])


def of_study(
    study: contract.Study, results: Sequence[Mapping[str, Any]]
) -> table.Table:
    """Returns the table of a study: a line a method, a column a value.

    Args:
        study: the study.
        results: contents of `results.json` files that differ by their seed
            alone.
    """
    experiment = study.experiment
    titles = experiment.setting_titles
    # Seeds are no setting: of these there is a mean.
    names = [s.setting for s in study.sweeps if s.setting in titles]
    values: dict[str, list[Any]] = {}
    scores: dict[tuple[str, str], list[float]] = {}
    for group in groups.collect(results, experiment):
        at = [group.asked.get(name) for name in names]
        title = (
            ", ".join(columns.show_value(value) or "none" for value in at)
            or "all seeds"
        )
        values[title] = [groups.sortable(value) for value in at]
        means = [group.means(s.metric, (s.split,)) for s in study.scores]
        # Of what diverged there are none.
        scores[group.method, title] = (
            list(map(statistics.mean, means)) if all(means) else []
        )
    first = experiment.find_metric(study.scores[0].metric)
    firsts = [first.sign * of[0] for of in scores.values() if of]
    worst, best = min(firsts, default=0), max(firsts, default=0)

    def cell(method: str, title: str) -> table.Cell:
        of = scores.get((method, title))
        if not of:
            return table.Cell("diverged" if of == [] else "")
        texts = [table.number(score, first.decimals) for score in of]
        share = (first.sign * of[0] - worst) / ((best - worst) or 1)
        return table.Cell(" / ".join(texts), share=share)

    heads = sorted(values, key=values.__getitem__)
    lines = [
        [
            table.Cell(groups.method_title(experiment, method)),
            *(cell(method, title) for title in heads),
        ]
        for method in dict.fromkeys(method for method, _ in scores)
    ]
    heading = contract.Column(
        ", ".join(titles[name] for name in names) or "method", show="method"
    )
    return table.Table(
        study.note, [heading, *map(contract.Column, heads)], lines
    )

"""Several runs of meta-learners as tables in Markdown."""

import statistics
from collections.abc import Sequence
from typing import Any

from experiments import (
    report_checks,
    score_metrics,
    seed_groups,
    titles,
)
from experiments.run import text_table

Results = list[dict[str, Any]]


def finals(results: Results) -> str:
    """Returns a line for each group of runs that differ by the seed alone.

    Args:
        results: contents of `results.json` files of one experiment.

    Returns:
        The table: the metric on training tasks before adaptation and with
        another task's support, and on meta-test tasks after it, as mean ±
        standard deviation over seeds; each seed's; the paper's. Accuracies are
        in %. Then, where they were measured: the negative log-likelihood in
        nats and the expected calibration error in %, on the same meta-test
        tasks, and the share of pairs of training tasks with conflicting
        gradients.
    """
    header = [
        *("tasks", "method", "inner rate", "steps", "train, before"),
        *("train, other support", "validation", "**test**", "by seed", "paper"),
        *("NLL", "ECE, %", "conflicts, %"),
    ]
    return _table(header, [_final(group) for group in _collect(results)])


def _final(group: seed_groups.Group) -> list[str]:
    name = report_checks.metric(group.told[0])
    metric = score_metrics.of(group)

    def scores(split: str, kind: str = "") -> list[float]:
        return [
            metric.factor * mean for mean in group.means(split, f"{name}{kind}")
        ]

    means = [
        statistics.mean(scores(*where))
        for where in (
            ("meta-train", "_before_adaptation"),
            ("meta-train", "_with_other_support"),
            ("meta-validation",),
        )
    ]
    test = scores("meta-test")
    calibration = [100 * row["ece"] for row in group.told if "ece" in row]
    conflicts = [
        100 * row["conflicts"]["conflicting_pairs"]
        for row in group.told
        if row.get("conflicts")
    ]
    return [
        titles.of_tasks(group.setup, short=True),
        _method(group),
        # Zero is as good as not there.
        titles.value(group.setup.get("inner_learning_rate") or None),
        titles.value(group.setup["steps"]),
        *(f"{mean:.{metric.decimals}f}" for mean in means),
        f"**{text_table.spread(test, metric.decimals)}**",
        ", ".join(f"{score:.{metric.decimals}f}" for score in test),
        score_metrics.published(group),
        text_table.spread(group.means("meta-test", "nll"), decimals=2),
        text_table.spread(calibration),
        text_table.spread(conflicts),
    ]


def settings(results: Results, names: Sequence[str]) -> str:
    """Returns a line for each group of runs: how it was trained, by what.

    Args:
        results: contents of `results.json` files of one experiment.
        names: of the methods' settings that have a column.
    """
    header = [
        *("tasks", "method", *map(titles.of_setting, names)),
        *("steps", "tasks a step", "min", "seeds", "commit"),
    ]
    return _table(
        header, [_setting_line(group, names) for group in _collect(results)]
    )


def _setting_line(group: seed_groups.Group, names: Sequence[str]) -> list[str]:
    minutes = statistics.mean(row["seconds"] for row in group.told) / 60
    return [
        titles.of_tasks(group.setup, short=True),
        _method(group),
        *(titles.value(group.setup.get(name) or None) for name in names),
        f"{group.setup['steps']}",
        f"{group.setup['meta_batch_size']}",
        f"{minutes:.0f}" if minutes >= 1 else f"{minutes:.1f}",
        ", ".join(str(row["seed"]) for row in group.told),
        seed_groups.short_commits([group]),
    ]


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    header, lines = text_table.without_empty_columns(header, lines)
    return "\n".join(text_table.markdown(header, lines, flush_left=2))


def _collect(results: Results) -> list[seed_groups.Group]:
    experiment = report_checks.experiment(results[0])
    return seed_groups.collect(results, titles.of_methods(experiment))


def _method(group: seed_groups.Group) -> str:
    return titles.of_method(group.method, group.setup["experiment"])

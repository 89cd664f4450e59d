"""Several runs on non-exclusive tasks as tables in Markdown."""

import statistics
from typing import Any

from experiments import nme_methods, seed_groups, text_table

# Settings that a reader asks for first.
_SETTINGS = (
    ("inner rate", "inner_learning_rate"),
    ("inner steps", "inner_steps"),
    ("outer rate", "outer_learning_rate"),
    ("beta", "beta"),
    ("weight decay", "weight_decay"),
    ("lambda", "taml_weight"),
)


def finals(results: list[dict[str, Any]]) -> str:
    """Returns a line for each group of runs that differ by the seed alone.

    Args:
        results: contents of `results.json` files.

    Returns:
        The table: accuracies in %, on training tasks before adaptation and with
        another task's support, and on meta-test tasks after it, as mean ±
        standard deviation over seeds; each seed's; the paper's. Then, where
        they were measured: the negative log-likelihood in nats and the expected
        calibration error in %, on the same meta-test tasks, and the share of
        pairs of training tasks with conflicting gradients.
    """
    header = [
        *("tasks", "method", "inner rate", "steps", "train, before"),
        *("train, other support", "validation", "**test**", "by seed", "paper"),
        *("NLL", "ECE, %", "conflicts, %"),
    ]
    lines = []
    for group in seed_groups.collect(results, nme_methods.METHODS):
        told = group.told
        test = _percents(group, "meta-test", "accuracy")
        paper = told[0]["paper"]
        rate = group.setup["inner_learning_rate"]
        lines.append(
            [
                _tasks(group),
                nme_methods.METHODS[group.method].title,
                _number(rate),
                f"{group.setup['steps']}",
                *(
                    f"{statistics.mean(_percents(group, split, score)):.1f}"
                    for split, score in (
                        ("meta-train", "accuracy_before_adaptation"),
                        ("meta-train", "accuracy_with_other_support"),
                        ("meta-validation", "accuracy"),
                    )
                ),
                f"**{text_table.spread(test)}**",
                ", ".join(f"{score:.1f}" for score in test),
                "" if paper is None else f"{100 * paper:.1f}",
                text_table.spread(group.means("meta-test", "nll"), decimals=2),
                text_table.spread(
                    [100 * row["ece"] for row in told if "ece" in row]
                ),
                text_table.spread(
                    [
                        100 * row["conflicts"]["conflicting_pairs"]
                        for row in told
                        if row.get("conflicts")
                    ]
                ),
            ]
        )
    return "\n".join(
        text_table.markdown(
            *text_table.without_empty_columns(header, lines), flush_left=2
        )
    )


def settings(results: list[dict[str, Any]]) -> str:
    """Returns a line for each group of runs: how it was trained, by what."""
    header = [
        *("tasks", "method", *(title for title, _ in _SETTINGS)),
        *("steps", "tasks a step", "min", "seeds", "commit"),
    ]
    lines = [
        [
            _tasks(group),
            nme_methods.METHODS[group.method].title,
            *(_number(group.setup[key]) for _, key in _SETTINGS),
            f"{group.setup['steps']}",
            f"{group.setup['meta_batch_size']}",
            f"{statistics.mean(row['seconds'] for row in group.told) / 60:.0f}",
            ", ".join(str(row["seed"]) for row in group.told),
            seed_groups.short_commits([group]),
        ]
        for group in seed_groups.collect(results, nme_methods.METHODS)
    ]
    return "\n".join(
        text_table.markdown(
            *text_table.without_empty_columns(header, lines), flush_left=2
        )
    )


def _tasks(group: seed_groups.Group) -> str:
    return f"{group.setup['ways']}-way {group.setup['shots']}-shot"


def _percents(group: seed_groups.Group, split: str, score: str) -> list[float]:
    return [100 * mean for mean in group.means(split, score)]


def _number(value: float) -> str:
    return f"{value:g}" if value else ""

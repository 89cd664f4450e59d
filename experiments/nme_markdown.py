"""Several runs on non-exclusive tasks as tables in Markdown."""

import collections
import statistics
from typing import Any

from experiments import nme_methods

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
        standard deviation over seeds; each seed's; the paper's.
    """
    lines = [
        "| tasks | method | inner rate | train, before | train, other support "
        "| validation | **test** | by seed | paper |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for rows_of_seeds in _groups(results):
        scores = {
            key: [100 * rows[split][name]["mean"] for rows in rows_of_seeds]
            for key, split, name in (
                ("before", "meta-train", "accuracy_before_adaptation"),
                ("other", "meta-train", "accuracy_with_other_support"),
                ("validation", "meta-validation", "accuracy"),
                ("test", "meta-test", "accuracy"),
            )
        }
        row = rows_of_seeds[0]["meta-test"]
        paper = row["paper"]
        cells = [
            _tasks(row),
            nme_methods.METHODS[row["method"]].title,
            f"{row['settings']['inner_learning_rate']:g}",
            f"{statistics.mean(scores['before']):.1f}",
            f"{statistics.mean(scores['other']):.1f}",
            f"{statistics.mean(scores['validation']):.1f}",
            f"**{_spread(scores['test'])}**",
            ", ".join(f"{score:.1f}" for score in scores["test"]),
            "" if paper is None else f"{100 * paper:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def settings(results: list[dict[str, Any]]) -> str:
    """Returns a line for each group of runs: how it was trained, by what."""
    titles = [
        *("tasks", "method", *(title for title, _ in _SETTINGS)),
        *("steps", "tasks a step", "min", "seeds", "commit"),
    ]
    lines = [
        f"| {' | '.join(titles)} |",
        f"| --- | --- |{' ---: |' * (len(titles) - 3)} --- |",
    ]
    for rows_of_seeds in _groups(results):
        row = rows_of_seeds[0]["meta-test"]
        config = rows_of_seeds[0]["config"]
        minutes = [rows["meta-test"]["seconds"] / 60 for rows in rows_of_seeds]
        cells = [
            _tasks(row),
            nme_methods.METHODS[row["method"]].title,
            *(_number(row["settings"][key]) for _, key in _SETTINGS),
            f"{config['steps']}",
            f"{config['meta_batch_size']}",
            f"{statistics.mean(minutes):.0f}",
            ", ".join(str(r["meta-test"]["seed"]) for r in rows_of_seeds),
            ", ".join(sorted({r["commit"][:7] for r in rows_of_seeds})),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _groups(results: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Groups the runs that differ by their seed alone, in the methods' order.

    Returns:
        For each group its runs by seed: a dict with the row of each split, the
        run's `"config"` and its `"commit"`.
    """
    groups = collections.defaultdict(list)
    for result in results:
        config = {k: v for k, v in result["config"].items() if k != "seed"}
        by_method: dict[str, dict[str, Any]] = collections.defaultdict(dict)
        for row in result["rows"]:
            by_method[row["method"]][row["split"]] = row
        for method, rows in by_method.items():
            key = (
                rows["meta-test"]["ways"],
                rows["meta-test"]["shots"],
                list(nme_methods.METHODS).index(method),
                *sorted(map(repr, rows["meta-test"]["settings"].items())),
                repr(sorted(config.items())),
            )
            rows |= {"config": config, "commit": result["commit"] or "unknown"}
            groups[key].append(rows)
    return [
        sorted(groups[key], key=lambda rows: rows["meta-test"]["seed"])
        for key in sorted(groups)
    ]


def _tasks(row: dict[str, Any]) -> str:
    return f"{row['ways']}-way {row['shots']}-shot"


def _spread(scores: list[float]) -> str:
    mean = f"{statistics.mean(scores):.1f}"
    if len(scores) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(scores):.1f}"


def _number(value: float) -> str:
    return f"{value:g}" if value else ""

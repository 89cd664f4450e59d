"""Tables and pictures of the experiment on tasks learned together."""

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments import seed_groups
from experiments.figures import drawing
from experiments.multitask import methods as multitask_methods
from experiments.run import text_table

# Yu et al. 2020, multi-task CIFAR-100; all but PCGrad's from Rosenbaum et al.
# 2018.
_PAPER = {
    "one_fc": 0.42,
    "all_fc": 0.49,
    "cross_stitch": 0.53,
    "routing": 0.747,
    "independent": 0.677,
    "pcgrad": 0.71,
    "routing_pcgrad": 0.775,
}
_PAPER_TASKS = 20

PAPER_NOTE = """\
The paper's figures (Yu et al. 2020) are not comparable: it gives neither batch
size, rate nor steps, and the code that it cites labels images by the remainder
by 5 of their fine class, which merges fine classes in every task."""
_CONFLICTS_NOTE = """\
conflicts: share of the pairs of tasks whose gradients of the shared weights had
a negative inner product, over all of training."""


def paper_accuracy(
    method: str, *, dataset: str, tasks: int, split: str
) -> float | None:
    """Returns the published accuracy, if there is one."""
    if (dataset, tasks, split) != ("cifar100", _PAPER_TASKS, "test"):
        return None
    return _PAPER.get(method)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the results of a run as text, a line for each method and split.

    Args:
        rows: one or more rows of `results.json`.
    """
    lines = [
        [
            multitask_methods.METHODS[row["method"]].title,
            row["split"],
            text_table.percent(row["accuracy"]),
            worst_to_best([row]),
            conflicts([row]),
            "" if row["paper"] is None else f"{100 * row['paper']:.1f}",
        ]
        for row in rows
    ]
    header = ["method", "images", "accuracy", "by task", "conflicts", "paper"]
    header, lines = text_table.without_empty_columns(header, lines)
    return "\n".join(
        [
            "Accuracy in % with its 95% interval, the worst and the best task; "
            f"chance is {100 / rows[0]['classes']:.1f}",
            *text_table.plain(header, lines, flush_left=2),
            *_notes(rows),
        ]
    )


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the results of several runs as a section of a page.

    Args:
        rows: rows of one or more `results.json`, of any seeds and settings.

    Returns:
        A table with a line for each method and its settings: mean ± standard
        deviation over seeds on validation and on test images, the test accuracy
        of each seed; then what the lines have in common, and notes.
    """
    groups = seed_groups.collect([{"rows": rows}], multitask_methods.METHODS)
    header = [
        "method",
        "rate",
        "router's rate",
        "steps",
        "validation",
        "**test**",
        "test, by seed",
        "by task",
        "conflicts",
        "min",
        "paper, not comparable",
    ]
    lines = [_markdown_line(group) for group in groups]
    header, lines = text_table.without_empty_columns(header, lines)
    common = sorted(
        {
            f"{row['dataset']}, {row['tasks']} tasks, {row['batch_size']} "
            f"images of each in a batch, augmentation {row['augmentation']}, "
            f"{row['precision']}, {row['settings']['optimizer']}, "
            f"{row['settings']['filters']} filters, "
            f"{' and '.join(map(str, row['settings']['units']))} units"
            for row in rows
        }
    )
    return "\n".join(
        [
            *text_table.markdown(header, lines),
            "",
            "Accuracy in %, mean ± standard deviation over seeds; chance is "
            f"{100 / rows[0]['classes']:.1f}. {'; '.join(common)}. Commits "
            f"{seed_groups.short_commits(groups)}.",
            "",
            *"\n\n".join(_notes(rows)).splitlines(),
        ]
    )


def _markdown_line(group: seed_groups.Group) -> list[str]:
    validation, test = (
        [100 * mean for mean in group.means(split, "accuracy")]
        for split in ("validation", "test")
    )
    told = group.told
    first = told[0]
    method = multitask_methods.METHODS[first["method"]]
    return [
        method.title,
        f"{first['settings']['learning_rate']:g}",
        f"{first['settings']['router_learning_rate']:g}"
        if "router_learning_rate" in method.settings
        else "",
        f"{first['steps']}",
        text_table.spread(validation),
        f"**{text_table.spread(test)}**" if test else "",
        ", ".join(f"{score:.1f}" for score in test),
        worst_to_best(told),
        conflicts(told),
        f"{statistics.mean(row['seconds'] for row in told) / 60:.0f}",
        "" if first["paper"] is None else f"{100 * first['paper']:.1f}",
    ]


def _notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    notes = []
    if any(row["conflicts"] for row in rows):
        notes.append(_CONFLICTS_NOTE)
    if any(row["paper"] is not None for row in rows):
        notes.append(PAPER_NOTE)
    return notes


def worst_to_best(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the range of the tasks' accuracies, each the mean over rows."""
    means = [
        statistics.mean(row["task_accuracy"][task] for row in rows)
        for task in rows[0]["task_accuracy"]
    ]
    return f"{100 * min(means):.0f} to {100 * max(means):.0f}"


def conflicts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the share of conflicting pairs, the mean over rows."""
    shares = [
        row["conflicts"]["conflicting_pairs"]
        for row in rows
        if row["conflicts"]
    ]
    return f"{100 * statistics.mean(shares):.0f} %" if shares else ""


def draw(
    rows: Sequence[dict[str, Any]],
    curves: dict[str, list[dict[str, float]]],
    folder: pathlib.Path,
) -> None:
    """Writes `accuracy.png` (bars) and `curves.png` (learning curves).

    Args:
        rows: the rows of a run.
        curves: for each method one dict an epoch.
        folder: where to write.
    """
    pyplot = drawing.load_pyplot()

    chance = 100 / rows[0]["classes"]
    _draw_bars(rows, chance, pyplot, folder / "accuracy.png")
    _draw_curves(curves, chance, pyplot, folder / "curves.png")


def _draw_bars(rows, chance, pyplot, file: pathlib.Path) -> None:
    """Draws a bar for each method and split, and a dot for each task."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    splits = list(dict.fromkeys(row["split"] for row in rows))
    by_key = {(row["method"], row["split"]): row for row in rows}
    colors = dict(
        zip(("validation", "test"), ("#7fb2d9", "#1f5f99"), strict=True)
    )
    figure, axes = pyplot.subplots(
        figsize=(5, 1.2 + 0.55 * len(methods)), layout="constrained"
    )
    height = 0.8 / len(splits)
    for number, split in enumerate(splits):
        places = [
            place + (number - (len(splits) - 1) / 2) * height
            for place in range(len(methods))
        ]
        found = [by_key[method, split] for method in methods]
        axes.barh(
            places,
            [100 * row["accuracy"]["mean"] for row in found],
            height,
            xerr=[100 * row["accuracy"]["ci95"] for row in found],
            label=split,
            color=colors[split],
        )
        for place, row in zip(places, found, strict=True):
            of_tasks = [100 * share for share in row["task_accuracy"].values()]
            axes.plot(
                of_tasks,
                [place] * len(of_tasks),
                "k.",
                markersize=3,
                alpha=0.5,
            )
    axes.axvline(chance, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(
        range(len(methods)),
        [multitask_methods.METHODS[method].title for method in methods],
    )
    axes.invert_yaxis()
    axes.set(xlabel="accuracy, % (dots: tasks)", xlim=(0, 100))
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.25))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _draw_curves(curves, chance, pyplot, file: pathlib.Path) -> None:
    """Draws accuracy against steps, on training and validation images."""
    figure, panels = pyplot.subplots(
        1, 2, figsize=(10, 4), sharey=True, layout="constrained"
    )
    for axes, key, title in zip(
        panels,
        ("accuracy", "val_accuracy"),
        ("training batches", "validation images"),
        strict=True,
    ):
        for method, curve in curves.items():
            axes.plot(
                [point["step"] for point in curve],
                [100 * point[key] for point in curve],
                label=multitask_methods.METHODS[method].title,
            )
        axes.axhline(chance, color="black", linewidth=0.8, linestyle=":")
        axes.set(title=title, xlabel="steps", ylim=(0, 100))
    panels[0].set_ylabel("accuracy, mean over tasks, %")
    panels[1].legend(loc="lower right")
    figure.savefig(file, dpi=150)
    pyplot.close(figure)

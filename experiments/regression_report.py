"""Tables and learning curves of the experiments on regression tasks."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from experiments import pac_bayes
from experiments.figures import drawing
from experiments.run import text_table

_COLUMNS = (
    ("before", "mse_before_adaptation"),
    ("other support", "mse_with_other_support"),
    ("adapted", "mse"),
)
_NOTE = """\
before: without adaptation. other support: with another task's support set.
A learner that errs little there on meta-train tasks has memorized: it reads the
task from its input, and errs where the input does not tell it. Stochastic
learners predict with the means of their posteriors."""


def table(rows: Sequence[dict[str, Any]], titles: Mapping[str, str]) -> str:
    """Returns the results of a run as text, a line for each method and split.

    Args:
        rows: those of `results.json`.
        titles: of the methods, by their names.
    """
    lines = [
        [
            titles[row["method"]],
            row["split"],
            *(_interval(row[key]) for _, key in _COLUMNS),
            ""
            if row["paper"] is None
            else f"{row['paper']:.2f} ({row['paper_std']:.2f})",
        ]
        for row in rows
    ]
    header = ["method", "tasks", *(title for title, _ in _COLUMNS), "paper"]
    return "\n".join(
        [
            f"Mean squared error with its 95% interval, {rows[0]['shots']} "
            "support examples",
            *text_table.plain(header, lines, flush_left=2),
            _NOTE,
            *pac_bayes.notes(rows, titles),
        ]
    )


def draw_curves(
    curves: Mapping[str, Sequence[Mapping[str, float]]], file: pathlib.Path
) -> None:
    """Draws errors against steps, on training and on validation tasks.

    Args:
        curves: for each method's title one mapping an epoch.
        file: the picture to write.
    """
    pyplot = drawing.load_pyplot()
    figure, panels = pyplot.subplots(
        1, 2, figsize=(10, 4), sharey=True, layout="constrained"
    )
    for axes, key, title in zip(
        panels,
        ("mse", "val_mse"),
        ("meta-train tasks, adapted", "meta-validation tasks, adapted"),
        strict=True,
    ):
        for number, (method, curve) in enumerate(curves.items()):
            axes.plot(
                [point["step"] for point in curve],
                [point[key] for point in curve],
                # There are ten colors.
                "-" if number < 10 else "--",
                label=method,
            )
        axes.set(title=title, xlabel="outer steps", yscale="log")
    panels[0].set_ylabel("mean squared error")
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _interval(estimate: Mapping[str, float]) -> str:
    return f"{estimate['mean']:.3f} ± {estimate['ci95']:.3f}"

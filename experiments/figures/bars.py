"""Scores of methods as bars, with a dot for each part."""

import functools
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from experiments.figures import curves, drawing
from experiments.run import contract


class Bar(NamedTuple):
    """A bar that each method has.

    Attributes:
        split: what was scored on.
        metric: what was measured, in the unit of what methods are judged by.
        label: what the legend says.
        color: its color.
    """

    split: str
    metric: str
    label: str
    color: str


def picture(*bars: Bar) -> contract.Picture:
    """Returns the picture of methods' scores, with what of it was scored."""
    return contract.Picture(
        "accuracy", "Scores of the methods", functools.partial(_draw, bars=bars)
    )


def _draw(run: contract.Run, file: pathlib.Path, bars: Sequence[Bar]) -> None:
    pyplot = drawing.load_pyplot()
    metric = run.experiment.metric
    measured = {
        (row["method"], row["split"]): row["metrics"] for row in run.rows
    }
    scored = {row["split"] for row in run.rows}
    bars = [bar for bar in bars if bar.split in scored]
    methods = list(run.outcomes)
    figure, axes = pyplot.subplots(
        figsize=(6, 1.2 + (0.15 + 0.2 * len(bars)) * len(methods)),
        layout="constrained",
    )
    height = 0.8 / len(bars)
    for number, bar in enumerate(bars):
        places = [
            place + (number - (len(bars) - 1) / 2) * height
            for place in range(len(methods))
        ]
        scores = [measured[method, bar.split] for method in methods]
        axes.barh(
            places,
            [metric.factor * score[bar.metric]["mean"] for score in scores],
            height,
            xerr=[
                metric.factor * (score[bar.metric]["ci95"] or 0)
                for score in scores
            ],
            label=bar.label,
            color=bar.color,
        )
        for place, score in zip(places, scores, strict=True):
            parts = [
                metric.factor * part["mean"]
                for name, part in score.items()
                if name.startswith(f"{bar.metric}/")
            ]
            axes.plot(
                parts, [place] * len(parts), "k.", markersize=3, alpha=0.5
            )
    axes.set_yticks(
        range(len(methods)),
        [run.experiment.methods[method].title for method in methods],
    )
    axes.invert_yaxis()
    axes.set(xlabel=metric.title)
    curves.scale(run, axes, "x")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(file, dpi=150)
    pyplot.close(figure)

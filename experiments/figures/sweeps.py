"""What a study shows of each cell, against the swept setting."""

import functools
import itertools
import pathlib
from collections.abc import Sequence

from experiments.figures import curves, drawing
from experiments.run import contract


def picture(
    title: str, setting: str, scores: Sequence[contract.Score]
) -> contract.Picture:
    """Returns the picture of a study.

    Args:
        title: what it shows.
        setting: the swept setting, of numbers above zero.
        scores: what to show, a panel for each.
    """
    return contract.Picture(
        "study", title, functools.partial(_draw, setting=setting, scores=scores)
    )


def _draw(
    run: contract.Run,
    file: pathlib.Path,
    setting: str,
    scores: Sequence[contract.Score],
) -> None:
    pyplot = drawing.load_pyplot()
    metric = run.experiment.metric
    names = list(dict.fromkeys(row["method"] for row in run.rows))
    figure, panels = pyplot.subplots(
        1,
        len(scores),
        figsize=(5.5 * len(scores), 4.5),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, score in zip(panels[0], scores, strict=True):
        for name, marker in zip(
            names, itertools.cycle(drawing.MARKERS), strict=False
        ):
            points = sorted(
                (
                    _value(row, setting),
                    metric.factor * row["metrics"][score.metric]["mean"],
                )
                for row in run.rows
                if row["method"] == name and row["split"] == score.split
            )
            axes.plot(
                [value for value, _ in points],
                [mean for _, mean in points],
                marker=marker,
                label=run.experiment.methods[name].title,
            )
        axes.set(
            xscale="log", xlabel=setting.replace("_", " "), title=score.title
        )
        curves.scale(run, axes)
    panels[0, 0].set_ylabel(metric.title)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _value(row, setting: str) -> float:
    """Returns the value of a setting, wherever the row holds it."""
    return {**row["problem"], **row["budget"], **row["settings"]}[setting]

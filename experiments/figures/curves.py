"""Learning curves."""

import functools
import pathlib
from typing import Any

from experiments.figures import drawing
from experiments.run import contract

_COLORS = 10  # So many there are.


def picture(training: str, validation: str) -> contract.Picture:
    """Returns the picture of what methods are judged by against steps.

    Args:
        training: title of the panel of what is trained on.
        validation: title of the panel of what is validated on.
    """
    return contract.Picture(
        "curves",
        "Learning curves",
        functools.partial(_draw, titles=(training, validation)),
    )


def _draw(
    run: contract.Run, file: pathlib.Path, titles: tuple[str, str]
) -> None:
    pyplot = drawing.load_pyplot()
    metric = run.experiment.metric
    figure, panels = pyplot.subplots(
        1, 2, figsize=(11, 4), sharey=True, layout="constrained"
    )
    for axes, prefix, title in zip(panels, ("", "val_"), titles, strict=True):
        for number, (method, curve) in enumerate(run.by_title("curve").items()):
            axes.plot(
                [point["step"] for point in curve],
                [
                    metric.factor * point[prefix + metric.name]
                    for point in curve
                ],
                "-" if number < _COLORS else "--",
                label=method,
            )
        axes.set(title=title, xlabel="steps")
        scale(run, axes)
    panels[0].set_ylabel(metric.title)
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def scale(run: contract.Run, axes: Any, axis: str = "y") -> None:
    """Scales an axis for what methods are judged by, and marks chance.

    Args:
        run: whose experiment's metric it is.
        axes: the panel.
        axis: `"x"` or `"y"`.
    """
    metric = run.experiment.metric
    if metric.sign < 0:
        axes.set(**{f"{axis}scale": "log"})
        return
    axes.set(**{f"{axis}lim": (0, metric.factor)})
    chance = run.experiment.chance(run.rows[0]["problem"])
    if chance is not None:
        line = axes.axhline if axis == "y" else axes.axvline
        line(
            metric.factor * chance, color="black", linewidth=0.8, linestyle=":"
        )

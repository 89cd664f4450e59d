"""What agents do on each task as they learn."""

import pathlib

import numpy as np

from experiments.figures import drawing
from experiments.run import contract, interquartile

_COLORS = 10  # So many there are.


def _draw_curves(run: contract.Run, file: pathlib.Path) -> None:
    """Draws success against steps in environments and against time."""
    pyplot = drawing.load_pyplot()
    metric = run.experiment.metric
    figure, panels = pyplot.subplots(
        1, 2, figsize=(11, 4), sharey=True, layout="constrained"
    )
    for axes, key, factor, title in zip(
        panels,
        ("step", "seconds"),
        (1, 1 / 60),
        ("steps in each task", "minutes of training"),
        strict=True,
    ):
        for number, (method, curve) in enumerate(run.by_title("curve").items()):
            axes.plot(
                [factor * point[key] for point in curve],
                [metric.factor * point[metric.name] for point in curve],
                "-" if number < _COLORS else "--",
                label=method,
            )
        axes.set(xlabel=title, ylim=(-0.02 * metric.factor, metric.factor))
        axes.set_xlim(left=0)
    panels[0].set_ylabel(metric.title)
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _draw_tasks(run: contract.Run, file: pathlib.Path) -> None:
    """Draws the success of each task over training, a panel for a method."""
    pyplot = drawing.load_pyplot()
    metric, names = run.experiment.metric, run.problem.task_names
    curves = run.by_title("curve")
    figure, panels = pyplot.subplots(
        len(curves),
        1,
        figsize=(7, len(curves) * (0.7 + 0.22 * len(names)) + 0.3),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (method, curve) in zip(panels[:, 0], curves.items(), strict=True):
        steps = [point["step"] for point in curve]
        shares = np.array(
            [
                [point[f"{metric.name}/{name}"] for point in curve]
                for name in names
            ]
        )
        half = steps[0] / 2
        image = axes.imshow(
            metric.factor * shares,
            cmap="viridis",
            vmin=0,
            vmax=metric.factor,
            aspect="auto",
            extent=(steps[0] - half, steps[-1] + half, len(names) - 0.5, -0.5),
        )
        axes.set_yticks(range(len(names)), names, fontsize="small")
        axes.set_title(method, fontsize="medium")
    panels[-1, 0].set_xlabel("steps in each task")
    figure.colorbar(image, ax=panels, label=metric.title)
    drawing.save_small(figure, file, dpi=120)
    pyplot.close(figure)


def _draw_interquartile(run: contract.Run, file: pathlib.Path) -> None:
    """Draws interquartile means over tasks and seeds with their intervals."""
    pyplot = drawing.load_pyplot()
    metric = run.experiment.metric
    found = {}
    for name in dict.fromkeys(row["method"] for row in run.rows):
        scores = [
            [
                metric.factor * part["mean"]
                for key, part in row["metrics"].items()
                if key.startswith(f"{metric.name}/")
            ]
            for row in run.rows
            if row["method"] == name
        ]
        # What diverged has none.
        if all(scores):
            title = run.experiment.methods[name].title
            found[title] = interquartile.estimate(scores)
    figure, axes = pyplot.subplots(
        figsize=(7, 1 + 0.35 * len(found)), layout="constrained"
    )
    for place, of in enumerate(found.values()):
        axes.plot([of.low, of.high], [place] * 2, linewidth=6, alpha=0.4)
        axes.plot(of.mean, place, "k|", markersize=12)
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.set(
        xlabel=f"{metric.title}, interquartile mean with its 95% interval",
        xlim=(0, metric.factor),
    )
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


CURVES = contract.Picture(
    "curves", "Success over steps and over time", _draw_curves
)
TASKS = contract.Picture(
    "tasks", "Success of each task over training", _draw_tasks
)
INTERQUARTILE = contract.Picture(
    "interquartile",
    "Interquartile means over tasks and seeds",
    _draw_interquartile,
)

"""The landscape of two tasks, and the ways down it."""

import pathlib

import numpy as np

from experiments.figures import drawing
from experiments.landscape import descent
from experiments.run import contract


def _draw(run: contract.Run, file: pathlib.Path) -> None:
    trajectories = {
        title: np.array(trajectory)
        for title, trajectory in run.by_title("trajectory").items()
    }
    if not trajectories:
        return
    pyplot = drawing.load_pyplot()
    points = np.concatenate(list(trajectories.values()))
    low, high = points.min(0), points.max(0)
    margin = 0.15 * (high - low).max() + 0.5
    grid = np.stack(
        np.meshgrid(
            *(
                np.linspace(a - margin, b + margin, 400)
                for a, b in zip(low, high, strict=True)
            )
        ),
        -1,
    ).astype(np.float32)
    first, second = (loss.numpy() for loss in descent.landscape(grid))
    figure, panels = pyplot.subplots(
        1, 3, figsize=(13, 4.2), sharex=True, sharey=True, layout="constrained"
    )
    for axes, values, title in zip(
        panels,
        (first, second, first + second),
        ("task 1", "task 2", "both"),
        strict=True,
    ):
        axes.contour(
            grid[..., 0],
            grid[..., 1],
            values,
            30,
            cmap="Greys",
            linewidths=0.7,
            linestyles="solid",
        )
        for (name, trajectory), color in zip(
            trajectories.items(), ("#d1495b", "#1f5f99"), strict=True
        ):
            axes.plot(*trajectory.T, color=color, label=name)
            axes.plot(*trajectory[-1], "o", color=color)
        axes.plot(*descent.START, "k*", markersize=10)
        axes.set(title=title, xlabel="theta 1")
    panels[0].set_ylabel("theta 2")
    panels[2].legend()
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


LANDSCAPE = contract.Picture(
    "landscape", "The landscape of two tasks and the ways down it", _draw
)

"""What learners make of a few objects."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.figures import drawing
from experiments.regression import predictions
from experiments.run import contract
from tfmeta.tasks.poses import pose_objects

# Of each object's queries.
_SHOWN = 3


def _draw(run: contract.Run, file: pathlib.Path) -> None:
    """Draws queries, and below each for each method a dial of its azimuth."""
    pyplot = drawing.load_pyplot()
    examples = run.problem.examples()
    by_method = run.by_title("examples")
    shown = min(_SHOWN, run.problem.values["queries"])
    columns = shown * len(examples)
    figure, panels = pyplot.subplots(
        1 + len(by_method),
        columns,
        figsize=(1.6 + columns, 1.4 + len(by_method)),
        squeeze=False,
        layout="constrained",
    )
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
    for task, (name, episode) in enumerate(examples.items()):
        group = panels[:, shown * task : shown * (task + 1)]
        group[0, 0].set_title(name, loc="left", fontsize="small")
        for query in range(shown):
            image, *dials = group[:, query]
            image.imshow(episode.query_x[query], cmap="gray", vmin=0, vmax=1)
            for axes, of_tasks in zip(dials, by_method.values(), strict=True):
                predicted = {
                    kind: labels[query]
                    for kind, labels in of_tasks[task].items()
                }
                _draw_dial(axes, episode.query_y[query, 0], predicted)
    for axes, title in zip(panels[1:, 0], by_method, strict=True):
        axes.set_ylabel(
            title.replace(": ", ":\n"),
            rotation=0,
            horizontalalignment="right",
            verticalalignment="center",
        )
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.savefig(file, dpi=90)
    pyplot.close(figure)


def _draw_dial(axes: Any, truth: float, predicted: Mapping[str, float]) -> None:
    """Draws labels as the hands of a dial, 0 to the right."""
    around = np.linspace(0, 2 * np.pi, 61)
    axes.plot(np.cos(around), np.sin(around), color="#808080", linewidth=0.5)
    for label, style in (
        (truth, predictions.TRUTH),
        (predicted["initial"], predictions.INITIAL),
        (predicted["adapted"], predictions.ADAPTED),
    ):
        turn = 2 * np.pi * label / pose_objects.FULL_TURN
        axes.plot([0, np.cos(turn)], [0, np.sin(turn)], **style)


ADAPTED = contract.Picture(
    "adapted", "Predictions before and after adaptation", _draw
)

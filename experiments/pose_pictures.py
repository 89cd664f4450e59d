"""Pictures of what learners make of a few objects."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.figures import drawing
from tfmeta import learners, tasks
from tfmeta.tasks.poses import pose

_OBJECTS = 3
# Of each object's queries.
_SHOWN = 3
_HANDS = (
    ("truth", {"color": "#c0c0c0", "linewidth": 5}),
    ("initial", {"color": "#e8a33d", "linestyle": "--"}),
    ("adapted", {"color": "#1f5f99", "linewidth": 2}),
)
_LABELS = {"initial": "before adaptation"}


class Example(NamedTuple):
    """A task as at test.

    Attributes:
        name: the object's.
        episode: its images and labels, as arrays.
    """

    name: str
    episode: tasks.Episode


def draw_examples(
    objects: tasks.PoseObjects, *, shots: int, queries: int, seed: int
) -> list[Example]:
    """Draws a task for each of the first objects."""
    return [
        Example(
            name,
            next(
                tasks.sample_pose_episodes(
                    objects.select([index]),
                    shots=shots,
                    queries=queries,
                    seed=seed,
                ).as_numpy_iterator()
            ),
        )
        for index, name in enumerate(objects.names[:_OBJECTS])
    ]


def predict(
    learner: learners.Learner, examples: Sequence[Example]
) -> list[dict[str, list[float]]]:
    """Predicts the queries of tasks that the picture shows.

    Args:
        learner: a trained learner.
        examples: the tasks.

    Returns:
        For each task the predicted labels, `"adapted"` to its support set and
        before that, `"initial"`.
    """
    predictions = learner.predict_queries(
        [
            np.stack(parts)
            for parts in zip(
                *(example.episode for example in examples), strict=True
            )
        ]
    )
    return [
        {
            kind: getattr(predictions, kind)[task, :_SHOWN, 0].numpy().tolist()
            for kind in ("initial", "adapted")
        }
        for task in range(len(examples))
    ]


def draw(
    examples: Sequence[Example],
    predictions: Mapping[str, Sequence[Mapping[str, Sequence[float]]]],
    file: pathlib.Path,
) -> None:
    """Draws queries, and below each for each method a dial of its azimuth.

    Args:
        examples: the tasks.
        predictions: for each method's title those of `predict`, by task.
        file: the picture to write.
    """
    pyplot = drawing.load_pyplot()
    shown = min(_SHOWN, len(examples[0].episode.query_x))
    columns = shown * len(examples)
    figure, panels = pyplot.subplots(
        1 + len(predictions),
        columns,
        figsize=(1.6 + columns, 1.4 + len(predictions)),
        squeeze=False,
        layout="constrained",
    )
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
    for task, example in enumerate(examples):
        group = panels[:, shown * task : shown * (task + 1)]
        group[0, 0].set_title(example.name, loc="left", fontsize="small")
        for query in range(shown):
            column = group[:, query]
            image = example.episode.query_x[query]
            column[0].imshow(image, cmap="gray", vmin=0, vmax=1)
            truth = example.episode.query_y[query, 0]
            for axes, of_tasks in zip(
                column[1:], predictions.values(), strict=True
            ):
                found = {
                    kind: labels[query]
                    for kind, labels in of_tasks[task].items()
                }
                _draw_dial(axes, {"truth": truth} | found)
    for axes, title in zip(panels[1:, 0], predictions, strict=True):
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


def _draw_dial(axes, labels: Mapping[str, float]) -> None:
    """Draws labels as the hands of a dial, 0 to the right."""
    around = np.linspace(0, 2 * np.pi, 61)
    axes.plot(np.cos(around), np.sin(around), color="#808080", linewidth=0.5)
    for kind, style in _HANDS:
        turn = 2 * np.pi * labels[kind] / pose.FULL_TURN
        axes.plot(
            [0, np.cos(turn)],
            [0, np.sin(turn)],
            label=_LABELS.get(kind, kind),
            **style,
        )

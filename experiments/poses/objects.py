"""How learners do on each object: which of them are hard, and for whom."""

import itertools
import pathlib

import numpy as np

from experiments.figures import drawing
from experiments.run import contract
from tfmeta import learners, tasks, training
from tfmeta.tasks.poses import pose_objects

# Of each object.
_TASKS = 10

# The least error there can be where an object looks the same from both ends:
# that of the mean of two azimuths half a turn apart; and that of the mean of
# all azimuths.
REFERENCES = {
    "best if both ends look the same": (pose_objects.FULL_TURN / 4) ** 2,
    "predicting the mean": pose_objects.FULL_TURN**2 / 12,
}


def mean_errors(
    learner: learners.Learner,
    objects: tasks.PoseObjects,
    *,
    shots: int,
    queries: int,
    seed: int,
) -> dict[str, float]:
    """Returns a learner's mean squared error on ten tasks of each object.

    Args:
        learner: a trained learner.
        objects: the objects.
        shots: support images of a task.
        queries: query images of a task.
        seed: fixes the tasks.

    Returns:
        By the object's name, in 1/10 turn squared.
    """
    return {
        name: training.evaluate_tasks(
            learner,
            tasks.sample_pose_episodes(
                objects.select([index]), shots=shots, queries=queries, seed=seed
            ).batch(_TASKS),
            tasks=_TASKS,
            score=training.squared_error,
        ).adapted.mean
        for index, name in enumerate(objects.names)
    }


def _draw(run: contract.Run, file: pathlib.Path) -> None:
    """Draws the errors of each object, hardest first."""
    pyplot = drawing.load_pyplot()
    errors = run.by_title("objects")
    means = {
        name: np.mean([by_object[name] for by_object in errors.values()])
        for name in next(iter(errors.values()))
    }
    names = sorted(means, key=means.__getitem__)
    figure, axes = pyplot.subplots(
        figsize=(8, 1.6 + len(names) / 4), layout="constrained"
    )
    for (title, reference), style in zip(
        REFERENCES.items(), (":", "--"), strict=True
    ):
        axes.axvline(reference, color="#808080", linestyle=style, label=title)
    for (title, by_object), marker in zip(
        errors.items(), itertools.cycle(drawing.MARKERS), strict=False
    ):
        axes.plot(
            [by_object[name] for name in names],
            names,
            linestyle="",
            marker=marker,
            label=title,
        )
    axes.set(
        title=f"{run.problem.shown_split} objects",
        xlabel="mean squared error after adaptation, (turn / 10)²",
    )
    axes.set_xlim(left=0)
    axes.grid(axis="y", linewidth=0.5)
    figure.legend(loc="outside lower center", ncols=2)
    figure.savefig(file, dpi=90)
    pyplot.close(figure)


OBJECTS = contract.Picture("objects", "Errors of each object", _draw)

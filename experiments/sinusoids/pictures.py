"""What learners make of a few sinusoids."""

import pathlib
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.figures import drawing
from experiments.regression import predictions
from experiments.run import contract
from tfmeta import learners, tasks
from tfmeta.tasks import sinusoid

# Amplitudes of meta-test tasks, and ids that stood for others in training.
_AMPLITUDES_AND_IDS = ((0.5, 14), (1.5, 1), (2.5, 8), (3.8, 4))
_X = np.linspace(-sinusoid.MAX_X, sinusoid.MAX_X, 101)


def draw_tasks(problem: contract.Problem) -> list[tasks.Episode]:
    """Draws tasks as at test, whose queries are from -5 to 5 without noise."""
    generator = np.random.default_rng(problem.values["seed"])
    shots = problem.values["shots"]
    episodes = []
    for amplitude, task_id in _AMPLITUDES_AND_IDS:
        x = generator.uniform(-sinusoid.MAX_X, sinusoid.MAX_X, shots)
        noise = generator.normal(0, sinusoid.NOISE_STDDEV, shots)
        y = amplitude * np.sin(x) + noise
        support_x, query_x = (
            sinusoid.with_id(_column(places), task_id).numpy()
            for places in (x, _X)
        )
        query_y = _column(amplitude * np.sin(_X))
        episodes.append(tasks.Episode(support_x, _column(y), query_x, query_y))
    return episodes


def _column(numbers: npt.ArrayLike) -> np.ndarray:
    return np.asarray(numbers, np.float32)[:, np.newaxis]


def examine(learner: learners.Learner, job: contract.Job) -> dict[str, Any]:
    """Returns a learner's predictions of the tasks that the picture shows."""
    return {
        "examples": [
            # As a meta-batch of two, for the sake of the other's support.
            predictions.predict(learner, [episode] * 2)[0]
            for episode in draw_tasks(job.problem)
        ]
    }


def _draw(run: contract.Run, file: pathlib.Path) -> None:
    """Draws a row for each method, a panel for each task."""
    pyplot = drawing.load_pyplot()
    episodes = draw_tasks(run.problem)
    examples = run.by_title("examples")
    figure, panels = pyplot.subplots(
        len(examples),
        len(episodes),
        figsize=(2.2 * len(episodes), 0.8 + 1.2 * len(examples)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, (title, of_tasks) in zip(panels, examples.items(), strict=True):
        for axes, (amplitude, task_id), episode, curves in zip(
            row, _AMPLITUDES_AND_IDS, episodes, of_tasks, strict=True
        ):
            named = sinusoid.AMPLITUDES[task_id] * np.sin(_X)
            axes.plot(_X, named, ":", color="#a0a0a0", label="what the id says")
            axes.plot(_X, episode.query_y, **predictions.TRUTH)
            axes.plot(_X, curves["initial"], **predictions.INITIAL)
            axes.plot(_X, curves["adapted"], **predictions.ADAPTED)
            support = episode.support_x[:, 0], episode.support_y
            axes.plot(*support, "k^", markersize=4, label="support")
            if row is panels[0]:
                axes.set_title(f"amplitude {amplitude:g}")
        row[0].set_ylabel(textwrap.fill(title, 14))
    panels[0, 0].set(xlim=(-sinusoid.MAX_X, sinusoid.MAX_X), ylim=(-5, 5))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    drawing.save_small(figure, file, dpi=130)
    pyplot.close(figure)


ADAPTED = contract.Picture(
    "adapted", "Predictions before and after adaptation", _draw
)

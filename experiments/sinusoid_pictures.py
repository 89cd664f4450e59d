"""Pictures of what learners make of a few sinusoids."""

import pathlib
import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.figures import drawing
from tfmeta import learners
from tfmeta.tasks import sinusoid

# Amplitudes of meta-test tasks, and ids that stood for others in training.
_AMPLITUDES_AND_IDS = ((0.5, 14), (1.5, 1), (2.5, 8), (3.8, 4))
_X = np.linspace(-sinusoid.MAX_X, sinusoid.MAX_X, 101)


class Example(NamedTuple):
    """A task as at test: its id tells nothing of its amplitude.

    Attributes:
        amplitude: of the sinusoid.
        task_id: what the inputs say.
        support_x: places `[shots]`.
        support_y: targets `[shots]`, with noise.
    """

    amplitude: float
    task_id: int
    support_x: np.ndarray
    support_y: np.ndarray


def draw_examples(*, shots: int, seed: int) -> list[Example]:
    """Draws the support sets of the tasks that the picture shows."""
    generator = np.random.default_rng(seed)
    examples = []
    for amplitude, task_id in _AMPLITUDES_AND_IDS:
        x = generator.uniform(-sinusoid.MAX_X, sinusoid.MAX_X, shots)
        noise = generator.normal(0, sinusoid.NOISE_STDDEV, shots)
        y = amplitude * np.sin(x) + noise
        examples.append(Example(amplitude, task_id, x, y))
    return examples


def predict(
    learner: learners.Learner, example: Example
) -> dict[str, list[float]]:
    """Predicts a task's curve.

    Args:
        learner: a trained learner.
        example: the task.

    Returns:
        Predictions at 101 places from -5 to 5, `"adapted"` to the support set
        and before that, `"initial"`.
    """
    support_x = _inputs(example.support_x, example.task_id)
    support_y = example.support_y.astype(np.float32)[:, np.newaxis]
    x = _inputs(_X, example.task_id)
    # As a meta-batch of two, for the sake of the other's support.
    predictions = learner.predict_queries(
        [np.stack([part] * 2) for part in (support_x, support_y, x)]
    )
    return {
        kind: getattr(predictions, kind)[0, :, 0].numpy().tolist()
        for kind in ("initial", "adapted")
    }


def draw(
    examples: Sequence[Example],
    predictions: Mapping[str, Sequence[Mapping[str, Sequence[float]]]],
    file: pathlib.Path,
) -> None:
    """Draws a row for each method, a panel for each task.

    Args:
        examples: the tasks.
        predictions: for each method's title those of `predict`, by task.
        file: the picture to write.
    """
    pyplot = drawing.load_pyplot()
    figure, panels = pyplot.subplots(
        len(predictions),
        len(examples),
        figsize=(2.2 * len(examples), 0.8 + 1.2 * len(predictions)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    sine = np.sin(_X)
    for row, (title, of_tasks) in zip(panels, predictions.items(), strict=True):
        for axes, example, curves in zip(row, examples, of_tasks, strict=True):
            said = sinusoid.AMPLITUDES[example.task_id]
            axes.plot(
                _X, said * sine, ":", color="#a0a0a0", label="what the id says"
            )
            axes.plot(
                _X,
                example.amplitude * sine,
                color="#c0c0c0",
                linewidth=4,
                label="truth",
            )
            axes.plot(
                _X,
                curves["initial"],
                "--",
                color="#e8a33d",
                label="before adaptation",
            )
            axes.plot(_X, curves["adapted"], color="#1f5f99", label="adapted")
            axes.plot(
                example.support_x,
                example.support_y,
                "k^",
                markersize=4,
                label="support",
            )
        row[0].set_ylabel(textwrap.fill(title, 14))
    for axes, example in zip(panels[0], examples, strict=True):
        axes.set_title(f"amplitude {example.amplitude:g}")
    panels[0, 0].set(xlim=(-sinusoid.MAX_X, sinusoid.MAX_X), ylim=(-5, 5))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    drawing.save_small(figure, file, dpi=130)
    pyplot.close(figure)


def _inputs(x: np.ndarray, task_id: int) -> np.ndarray:
    return sinusoid.with_id(
        x.astype(np.float32)[:, np.newaxis], task_id
    ).numpy()

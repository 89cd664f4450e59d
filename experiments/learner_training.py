"""Training and evaluation of a meta-learner, resumable at any moment."""

import dataclasses
import shutil
from collections.abc import Callable
from typing import Any, Protocol

import keras
import tensorflow as tf

from experiments import conflicts, resumable_fit, run_folder
from tfmeta import learners, training

_VALIDATION_BATCHES = 5
SPLITS = ("meta-train", "meta-validation", "meta-test")


class Problem(Protocol):
    """Where the tasks come from, what a task is."""

    @property
    def seed(self) -> int:
        """Fixes the tasks, and the learner's weights and draws."""

    def train_episodes(self, *, start: int) -> tf.data.Dataset:
        """Returns the tasks to train on, from number `start` on."""

    def validation_episodes(self) -> tf.data.Dataset:
        """Returns the tasks of the learning curve."""

    def eval_episodes(self, split: str) -> tf.data.Dataset:
        """Returns the tasks to score on, of one of `SPLITS`."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long to train, and what to evaluate on.

    Attributes:
        steps: outer steps.
        steps_per_epoch: of them between two checkpoints.
        meta_batch_size: tasks in an outer step.
        eval_splits: those of `SPLITS` to evaluate on.
        eval_tasks: tasks of each.
    """

    steps: int
    steps_per_epoch: int
    meta_batch_size: int
    eval_splits: tuple[str, ...]
    eval_tasks: int


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a learner is judged by.

    Attributes:
        name: its name in the results.
        score: `(query_y, predictions)` of a meta-batch to scores `[tasks]`.
        of_logits: whether predictions are logits, whose calibration is measured
            too.
    """

    name: str
    score: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    of_logits: bool = False


ACCURACY = Metric("accuracy", training.accuracy, of_logits=True)
MSE = Metric("mse", training.squared_error)


def run_learner(
    name: str,
    build: Callable[[], learners.Learner],
    problem: Problem,
    budget: Budget,
    folder: run_folder.RunFolder,
    *,
    metric: Metric,
    examine: Callable[[learners.Learner], dict[str, Any]] = lambda _: {},
) -> dict[str, Any]:
    """Trains, evaluates and exports a learner, or takes up where it stopped.

    Args:
        name: the learner's name, and that of its folder within the run's.
        build: makes the compiled learner, of Keras' global seed.
        problem: what to train it on.
        budget: how long.
        folder: the run's folder.
        metric: what to judge it by.
        examine: from the trained learner to what else is to be known of it, as
            JSON holds it.

    Returns:
        `"splits"`: for each split its scores, `"curve"`: one dict an epoch,
        `"seconds"` of training, `"conflicts"`: how much the gradients of the
        tasks did, as means over training, or None if the optimizer does not
        look at them, and what `examine` returned; as written to
        `<name>/outcome.json`.

    Raises:
        DivergenceError: if the loss becomes NaN.
    """
    outcome = folder.read_json(f"{name}/outcome.json")
    if outcome is not None:
        print("Done before.")
        return outcome
    keras.utils.set_random_seed(problem.seed)
    learner = build()
    progress = resumable_fit.fit(
        learner,
        folder.path / name,
        lambda done: meta_batches(
            problem.train_episodes(start=done * budget.meta_batch_size), budget
        ),
        steps=budget.steps,
        steps_per_epoch=budget.steps_per_epoch,
        validation_data=meta_batches(
            problem.validation_episodes(), budget
        ).take(_VALIDATION_BATCHES),
        callbacks=conflicts.monitors(learner),
    )
    outcome = {
        **progress,
        "conflicts": conflicts.means(progress["curve"]),
        "splits": {
            split: _evaluate(learner, problem, budget, split, metric)
            for split in budget.eval_splits
        },
        **examine(learner),
    }
    _save(learner, folder.path / name)
    folder.write_json(f"{name}/outcome.json", outcome)
    return outcome


def _evaluate(learner, problem, budget, split, metric) -> dict[str, Any]:
    """Scores a learner on tasks of a split."""
    print(f"Evaluating on {split} tasks")
    progress = keras.utils.Progbar(budget.eval_tasks, unit_name="task")
    calibration = training.Calibration() if metric.of_logits else None
    evaluation = training.evaluate_tasks(
        learner,
        meta_batches(problem.eval_episodes(split), budget),
        tasks=budget.eval_tasks,
        score=metric.score,
        on_predictions=calibration.update if calibration else None,
        on_progress=progress.update,
    )
    scores: dict[str, Any] = {
        metric.name: dataclasses.asdict(evaluation.adapted),
        f"{metric.name}_before_adaptation": dataclasses.asdict(
            evaluation.initial
        ),
        f"{metric.name}_with_other_support": dataclasses.asdict(
            evaluation.other_support
        ),
    }
    if calibration is not None:
        scores["nll"] = dataclasses.asdict(
            calibration.negative_log_likelihood()
        )
        scores["ece"] = calibration.expected_error()
    return scores


def meta_batches(episodes: tf.data.Dataset, budget: Budget) -> tf.data.Dataset:
    """Batches tasks as an outer step takes them."""
    return episodes.batch(budget.meta_batch_size, drop_remainder=True).prefetch(
        2
    )


def _save(learner: learners.Learner, folder) -> None:
    """Writes the learner for Keras, and as a SavedModel for everyone else."""
    temporary = folder / ".saved_model.writing"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder / "saved_model", ignore_errors=True)
    learner.save(folder / "learner.keras")
    learner.export(temporary)
    temporary.replace(folder / "saved_model")

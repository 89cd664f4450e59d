"""Training and evaluation of one method, resumable at any moment."""

import dataclasses
import shutil
import time
from typing import Any

import keras
import tensorflow as tf

from experiments import nme_methods, run_folder
from tfmeta import tasks, training

# Streams of tasks that must not share their episodes.
_TRAIN_STREAM, _VALIDATION_STREAM, _EVAL_STREAM = range(3)
_VALIDATION_BATCHES = 5
SPLITS = ("meta-train", "meta-validation", "meta-test")


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is to be learned: where the tasks come from, what a task is."""

    splits: tasks.Splits
    construction: str
    ways: int
    shots: int
    queries: int
    seed: int

    def train_episodes(self, *, start: int) -> tf.data.Dataset:
        """Returns the tasks to train on, from number `start` on."""
        return self._episodes("meta-train", _TRAIN_STREAM, start)

    def validation_episodes(self) -> tf.data.Dataset:
        """Returns the tasks of the learning curve."""
        return self._episodes("meta-validation", _VALIDATION_STREAM, 0)

    def eval_episodes(self, split: str) -> tf.data.Dataset:
        """Returns the tasks to score on, of one of `SPLITS`."""
        return self._episodes(split, _EVAL_STREAM, 0)

    def _episodes(self, split, stream, start):
        classes, construction = {
            "meta-train": (self.splits.meta_train, self.construction),
            "meta-validation": (
                self.splits.meta_validation,
                "mutually_exclusive",
            ),
            "meta-test": (self.splits.meta_test, "mutually_exclusive"),
        }[split]
        return tasks.sample_episodes(
            classes,
            ways=self.ways,
            shots=self.shots,
            queries=self.queries,
            construction=construction,
            seed=3 * self.seed + stream,
            assignment_seed=self.seed,
            start=start,
        )


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


def run_method(
    name: str,
    method: nme_methods.Method,
    settings: nme_methods.Settings,
    problem: Problem,
    budget: Budget,
    folder: run_folder.RunFolder,
) -> dict[str, Any]:
    """Trains, evaluates and exports one method, or takes up where it stopped.

    Args:
        name: the method's name, and that of its folder within the run's.
        method: what to train.
        settings: its hyperparameters.
        problem: what to train it on.
        budget: how long.
        folder: the run's folder.

    Returns:
        `"splits"`: for each split its scores, `"curve"`: one dict an epoch,
        `"seconds"` of training; as written to `<name>/outcome.json`.

    Raises:
        DivergenceError: if the loss becomes NaN.
    """
    outcome = folder.read_json(f"{name}/outcome.json")
    if outcome is not None:
        print("Done before.")
        return outcome
    keras.utils.set_random_seed(problem.seed)
    learner = method.build(
        settings,
        problem.ways,
        problem.splits.meta_train.image_shape,
        problem.seed,
    )
    nme_methods.compile_learner(learner, settings, steps=budget.steps)
    progress = _train(
        learner,
        problem,
        budget,
        training.Checkpoints(folder.path / name / "checkpoints"),
        log_dir=str(folder.path / name / "tensorboard"),
    )
    outcome = {
        **progress,
        "splits": _evaluate(learner, problem, budget),
    }
    _save(learner, folder.path / name)
    folder.write_json(f"{name}/outcome.json", outcome)
    return outcome


def _train(learner, problem, budget, checkpoints, *, log_dir) -> dict:
    """Trains from the last checkpoint on; returns the curve and the time."""
    progress = checkpoints.restore(learner) or {"curve": [], "seconds": 0.0}
    done = int(learner.optimizer.iterations)
    if done:
        print(f"Going on from step {done}.")
    started = time.monotonic() - progress["seconds"]

    def record(epoch: int, logs: dict) -> dict:
        step = int(learner.optimizer.iterations)
        progress["curve"].append(
            {"step": step} | {key: float(value) for key, value in logs.items()}
        )
        progress["seconds"] = time.monotonic() - started
        return progress

    learner.fit(
        _meta_batches(
            problem.train_episodes(start=done * budget.meta_batch_size),
            budget,
        ),
        initial_epoch=done // budget.steps_per_epoch,
        epochs=budget.steps // budget.steps_per_epoch,
        steps_per_epoch=budget.steps_per_epoch,
        validation_data=_meta_batches(
            problem.validation_episodes(), budget
        ).take(_VALIDATION_BATCHES),
        callbacks=[
            training.StopOnNaN(),
            training.SaveCheckpoint(checkpoints, record),
            keras.callbacks.TensorBoard(log_dir, write_graph=False),
        ],
        shuffle=False,
    )
    return progress


def _evaluate(learner, problem, budget) -> dict[str, dict]:
    """Scores the learner on tasks of each split that is asked for."""
    scores = {}
    for split in budget.eval_splits:
        print(f"Evaluating on {split} tasks")
        progress = keras.utils.Progbar(budget.eval_tasks, unit_name="task")
        evaluation = training.evaluate_tasks(
            learner,
            _meta_batches(problem.eval_episodes(split), budget),
            tasks=budget.eval_tasks,
            on_progress=progress.update,
        )
        scores[split] = {
            "accuracy": dataclasses.asdict(evaluation.adapted),
            "accuracy_before_adaptation": dataclasses.asdict(
                evaluation.initial
            ),
            "accuracy_with_other_support": dataclasses.asdict(
                evaluation.other_support
            ),
        }
    return scores


def _meta_batches(episodes, budget) -> tf.data.Dataset:
    return episodes.batch(budget.meta_batch_size, drop_remainder=True).prefetch(
        2
    )


def _save(learner, folder) -> None:
    """Writes the learner for Keras, and as a SavedModel for everyone else."""
    temporary = folder / ".saved_model.writing"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder / "saved_model", ignore_errors=True)
    learner.save(folder / "learner.keras")
    learner.export(temporary)
    temporary.replace(folder / "saved_model")

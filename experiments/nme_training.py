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


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is to be learned: where the tasks come from, what a task is."""

    splits: tasks.Splits
    construction: str
    ways: int
    shots: int
    queries: int
    seed: int

    def train_episodes(self, *, stream: int, start: int = 0):
        """Returns tasks of the meta-train classes, by the construction."""
        return self._episodes(
            self.splits.meta_train, self.construction, stream, start
        )

    def new_class_episodes(self, classes: tasks.ImageClasses, *, stream: int):
        """Returns tasks of any `classes`, with random labels."""
        return self._episodes(classes, "mutually_exclusive", stream, 0)

    def _episodes(self, classes, construction, stream, start):
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
    """How long to train and how many tasks to evaluate on."""

    steps: int
    steps_per_epoch: int
    meta_batch_size: int
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
    nme_methods.compile_learner(learner, settings)
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
            problem.train_episodes(
                stream=_TRAIN_STREAM, start=done * budget.meta_batch_size
            ),
            budget,
        ),
        initial_epoch=done // budget.steps_per_epoch,
        epochs=budget.steps // budget.steps_per_epoch,
        steps_per_epoch=budget.steps_per_epoch,
        validation_data=_meta_batches(
            problem.new_class_episodes(
                problem.splits.meta_validation, stream=_VALIDATION_STREAM
            ),
            budget,
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
    """Scores the learner on tasks of each split."""
    splits = problem.splits
    episodes = {
        "meta-train": problem.train_episodes(stream=_EVAL_STREAM),
        "meta-validation": problem.new_class_episodes(
            splits.meta_validation, stream=_EVAL_STREAM
        ),
        "meta-test": problem.new_class_episodes(
            splits.meta_test, stream=_EVAL_STREAM
        ),
    }
    scores = {}
    for split, split_episodes in episodes.items():
        print(f"Evaluating on {split} tasks")
        progress = keras.utils.Progbar(budget.eval_tasks, unit_name="task")
        evaluation = training.evaluate_tasks(
            learner,
            _meta_batches(split_episodes, budget),
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

"""Training and evaluation of one method on tasks learned together."""

import dataclasses
import math
import shutil
import statistics
from typing import Any

import keras

from experiments import (
    conflicts,
    multitask_data,
    multitask_methods,
    resumable_fit,
    run_folder,
)
from tfmeta import multitask

SPLITS = ("validation", "test")


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long to train, and what to evaluate on.

    Attributes:
        steps: steps of training, each on a batch of every task.
        steps_per_epoch: of them between two checkpoints and validations.
        eval_splits: those of `SPLITS` to evaluate on.
    """

    steps: int
    steps_per_epoch: int
    eval_splits: tuple[str, ...]


def run_method(
    name: str,
    method: multitask_methods.Method,
    settings: multitask_methods.Settings,
    data: multitask_data.Data,
    budget: Budget,
    folder: run_folder.RunFolder,
) -> dict[str, Any]:
    """Trains and evaluates one method, or takes up where it stopped.

    Args:
        name: the method's name, and that of its folder within the run's.
        method: what to train.
        settings: its hyperparameters.
        data: what to train it on.
        budget: how long.
        folder: the run's folder.

    Returns:
        `"splits"`: for each split its scores, `"conflicts"`: how much the
        gradients of the tasks did, as means over training, or None if the
        method does not look at them, `"cosines"`: of each two tasks' gradients
        in the last epoch, or None likewise, `"curve"`: one dict an epoch,
        `"seconds"` of training; as written to `<name>/outcome.json`.

    Raises:
        DivergenceError: if the loss becomes NaN.
    """
    outcome = folder.read_json(f"{name}/outcome.json")
    if outcome is not None:
        print("Done before.")
        return outcome
    keras.utils.set_random_seed(data.seed)
    first, *_ = data.splits.train.values()
    model = method.build(
        settings,
        multitask_methods.Tasks(
            data.splits.task_names, first.num_classes, first.image_shape
        ),
        steps=budget.steps,
        seed=data.seed,
    )
    _make_variables(model, data)
    monitors = conflicts.monitors(model)
    progress = resumable_fit.fit(
        model,
        folder.path / name,
        data.train_batches,
        steps=budget.steps,
        steps_per_epoch=budget.steps_per_epoch,
        validation_data=data.all_batches("validation"),
        callbacks=[*monitors, MeanOverTasks(model.task_names)],
    )
    outcome = {
        **progress,
        "conflicts": conflicts.means(progress["curve"]),
        # A run that was stopped after its last step has seen none.
        "cosines": next(
            (m.cosines.tolist() for m in monitors if m.cosines.ndim), None
        ),
        "splits": {
            split: _evaluate(model, data, split) for split in budget.eval_splits
        },
    }
    model.save(folder.path / name / "model.keras", include_optimizer=False)
    folder.write_json(f"{name}/outcome.json", outcome)
    # Adam's state takes twice the room of the weights, and is done with.
    shutil.rmtree(folder.path / name / "checkpoints")
    return outcome


class MeanOverTasks(keras.callbacks.Callback):
    """Puts one accuracy in the place of all tasks' losses and accuracies.

    Two numbers for each of 20 tasks are too many for a progress bar. The sum of
    the losses stays.

    Args:
        tasks: the tasks' names.
    """

    def __init__(self, tasks: list[str]):
        super().__init__()
        self._tasks = tasks

    def on_train_batch_end(self, batch, logs=None):
        """Changes what the progress bar shows."""
        self._change(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Changes what the curve gets, validation included."""
        self._change(logs)

    def on_test_batch_end(self, batch, logs=None):
        """Changes what the progress bar shows."""
        self._change(logs)

    def on_test_end(self, logs=None):
        """Changes what the progress bar shows."""
        self._change(logs)

    def _change(self, logs: dict) -> None:
        for prefix in ("", "val_"):
            if f"{prefix}{self._tasks[0]}_accuracy" in logs:
                logs[f"{prefix}accuracy"] = statistics.mean(
                    logs.pop(f"{prefix}{task}_accuracy") for task in self._tasks
                )
                for task in self._tasks:
                    logs.pop(f"{prefix}{task}_loss")


def _make_variables(
    model: multitask.MultiTaskModel, data: multitask_data.Data
) -> None:
    """Makes what Keras makes while it traces: then it has to trace twice.

    With twenty tasks a trace takes seconds.
    """
    model.optimizer.build(model.trainable_variables)
    x, y = next(iter(data.train_batches(0)))
    model.compute_metrics(x, y, model(x))
    model.reset_metrics()


def _evaluate(
    model: multitask.MultiTaskModel, data: multitask_data.Data, split: str
) -> dict[str, Any]:
    """Scores the model on all images of a split."""
    print(f"Evaluating on {split} images")
    model.evaluate(
        data.all_batches(split), callbacks=[MeanOverTasks(model.task_names)]
    )
    scores = model.get_metrics_result()
    by_task = {
        task: float(scores[f"{task}_accuracy"]) for task in model.task_names
    }
    sizes = {
        task: len(classes.images)
        for task, classes in getattr(data.splits, split).items()
    }
    images = sum(sizes.values())
    mean = sum(by_task[task] * sizes[task] for task in by_task) / images
    return {
        "accuracy": {
            "mean": mean,
            "ci95": 1.96 * math.sqrt(mean * (1 - mean) / images),
            "images": images,
        },
        "task_accuracy": by_task,
        "loss": float(scores["loss"]),
    }

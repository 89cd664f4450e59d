"""How models of several tasks are trained and scored."""

import math
import pathlib
import shutil
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from experiments.run import contract, rows
from experiments.run import training as resumable
from tfmeta import multitask

_MOMENTUM = 0.9  # Of SGD.


class Data(Protocol):
    """Batches of all tasks.

    Attributes:
        values: see `contract.Problem`; among them `precision`, the policy of
            Keras' arithmetic.
    """

    values: contract.Values

    @property
    def task_names(self) -> Sequence[str]:
        """The tasks' names."""

    def train_batches(self, start: int) -> tf.data.Dataset:
        """Returns endless batches to train on, from number `start` on."""

    def all_batches(self, split: str) -> tf.data.Dataset:
        """Returns all examples of a split once."""

    def sizes(self, split: str) -> Mapping[str, int]:
        """Returns how many examples each task has in a split."""


class MultiTaskTrainer(resumable.KerasTrainer):
    """Trains and scores models of several tasks of classification.

    Their outcome has `"cosines"`, too: of each two tasks' gradients in the last
    epoch, None if the method does not look at them.
    """

    def build(self, job: contract.Job) -> multitask.MultiTaskModel:
        """Builds and compiles the model of a job, with all its variables."""
        keras.config.set_dtype_policy(job.problem.values["precision"])
        model = job.method.build(job.settings, job.problem, job.seed)
        rate = keras.optimizers.schedules.CosineDecay(
            job.settings["learning_rate"], decay_steps=job.budget.steps
        )
        optimizer: keras.optimizers.Optimizer = (
            keras.optimizers.SGD(rate, momentum=_MOMENTUM)
            if job.settings["optimizer"] == "sgd"
            else keras.optimizers.Adam(rate)
        )
        if job.method.aggregator is not None:
            optimizer = job.method.aggregator(optimizer, seed=job.seed)
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics={task: ["accuracy"] for task in job.problem.task_names},
            weighting=(job.method.weighting and job.method.weighting(job.seed)),
        )
        # What Keras makes while it traces, made before: or it traces twice,
        # which takes seconds with twenty tasks.
        model.optimizer.build(model.trainable_variables)
        x, y = next(iter(job.problem.train_batches(0)))
        model.compute_metrics(x, y, model(x))
        model.reset_metrics()
        return model

    def batches(self, job: contract.Job, start: int) -> tf.data.Dataset:
        """Returns the training batches from number `start` on."""
        return job.problem.train_batches(start)

    def validation_batches(self, job: contract.Job) -> tf.data.Dataset:
        """Returns all validation examples."""
        return job.problem.all_batches("validation")

    def callbacks(
        self, model: multitask.MultiTaskModel
    ) -> Sequence[keras.callbacks.Callback]:
        """Returns what shows one accuracy in the place of all tasks'."""
        return [MeanOverTasks(model.task_names)]

    def score(
        self, model: multitask.MultiTaskModel, job: contract.Job, split: str
    ) -> dict[str, rows.Estimate]:
        """Scores a model on all examples of a split, together and by task."""
        print(f"Evaluating on {split} images")
        model.evaluate(
            job.problem.all_batches(split), callbacks=self.callbacks(model)
        )
        scores = model.get_metrics_result()
        sizes = job.problem.sizes(split)
        by_task = {
            task: float(scores[f"{task}_accuracy"]) for task in model.task_names
        }
        count = sum(sizes.values())
        mean = sum(by_task[task] * sizes[task] for task in by_task) / count
        return {
            "accuracy": _share(mean, count),
            "loss": rows.point(scores["loss"]),
        } | {
            f"accuracy/{task}": _share(share, sizes[task])
            for task, share in by_task.items()
        }

    def measure(self, model, job, monitors, outcome) -> None:
        """Adds the cosines of the tasks' gradients."""
        # A run that was stopped after its last step has seen none.
        outcome["cosines"] = next(
            (m.cosines.tolist() for m in monitors if m.cosines.ndim), None
        )
        super().measure(model, job, monitors, outcome)

    def save(
        self, model: multitask.MultiTaskModel, folder: pathlib.Path
    ) -> None:
        """Writes the model for Keras."""
        model.save(folder / "model.keras", include_optimizer=False)

    def clean_up(self, job: contract.Job) -> None:
        """Removes the checkpoints: Adam's state takes twice the weights."""
        shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)


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

    def on_test_end(self, logs=None):
        """Changes what the progress bar shows."""
        self._change(logs)

    def on_train_batch_end(self, batch, logs=None):
        """Changes what the progress bar shows, or what the curve gets."""
        self._change(logs)

    on_test_batch_end = on_epoch_end = on_train_batch_end

    def _change(self, logs: dict[str, Any]) -> None:
        for prefix in ("", "val_"):
            if f"{prefix}{self._tasks[0]}_accuracy" in logs:
                logs[f"{prefix}accuracy"] = statistics.mean(
                    logs.pop(f"{prefix}{task}_accuracy") for task in self._tasks
                )
                for task in self._tasks:
                    logs.pop(f"{prefix}{task}_loss")


def _share(share: float, count: int) -> rows.Estimate:
    """Returns the estimate of a probability from a share of so many."""
    return rows.estimate(
        share, 1.96 * math.sqrt(share * (1 - share) / count), count
    )

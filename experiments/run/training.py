"""Training of Keras models that a kill does not harm, and their scores."""

import abc
import pathlib
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from experiments.run import contract, rows
from tfmeta import optimizers, training

# What `ConflictMonitor` puts into the logs that is of interest as a mean.
_PAIRS = "conflicting_pairs"
CONFLICTS = (_PAIRS, "gradient_cosine", "magnitude_similarity")


class KerasTrainer(contract.Trainer, abc.ABC):
    """Trains a Keras model, resumable at any moment, and scores it."""

    def run(self, job: contract.Job) -> contract.Outcome:
        """Trains and scores a method, or takes up where it stopped.

        Raises:
            DivergenceError: if the loss becomes NaN.
            InputError: if the checkpoint is of another model.
        """
        keras.utils.set_random_seed(job.seed)
        model = self.build(job)
        monitors = conflict_monitors(model)
        progress = self._fit(model, job, [*monitors, *self.callbacks(model)])
        outcome = {
            **progress,
            "metrics": conflict_means(progress["curve"]),
            "scores": {
                split: self.score(model, job, split)
                for split in job.budget.eval_splits
            },
        }
        self.measure(model, job, monitors, outcome)
        self.save(model, job.folder)
        return outcome

    def _fit(
        self,
        model: keras.Model,
        job: contract.Job,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> dict[str, Any]:
        """Trains a model, from its last checkpoint on if there is one.

        Args:
            model: the compiled model, whose optimizer counts the steps.
            job: whose model it is.
            callbacks: what is called beside what records and saves. What these
                put into an epoch's logs is in the curve and in TensorBoard.

        Returns:
            `"curve"`: for each epoch its `"step"` and logs; `"seconds"` of
            training and validation, in all runs together.
        """
        checkpoints = training.Checkpoints(job.folder / "checkpoints")
        progress = checkpoints.restore(model) or {"curve": [], "seconds": 0.0}
        done = int(model.optimizer.iterations)
        if done:
            print(f"Going on from step {done}.", flush=True)
        started = time.monotonic() - progress["seconds"]

        def record(epoch: int, logs: dict) -> dict:
            step = {"step": int(model.optimizer.iterations)}
            progress["curve"].append(
                step | {key: float(value) for key, value in logs.items()}
            )
            progress["seconds"] = time.monotonic() - started
            return progress

        per_epoch = job.budget.steps_per_epoch
        model.fit(
            self.batches(job, done),
            initial_epoch=done // per_epoch,
            epochs=job.budget.steps // per_epoch,
            steps_per_epoch=per_epoch,
            validation_data=self.validation_batches(job),
            callbacks=[
                training.StopOnNaN(),
                *callbacks,
                keras.callbacks.TensorBoard(
                    str(job.folder / "tensorboard"), write_graph=False
                ),
                training.SaveCheckpoint(checkpoints, record),
            ],
            shuffle=False,
        )
        return progress

    def clean_up(self, job: contract.Job) -> None:
        """Keeps everything."""

    @abc.abstractmethod
    def build(self, job: contract.Job) -> Any:
        """Returns the compiled model of a job."""

    @abc.abstractmethod
    def batches(self, job: contract.Job, start: int) -> tf.data.Dataset:
        """Returns the endless training batches from number `start` on."""

    @abc.abstractmethod
    def validation_batches(self, job: contract.Job) -> tf.data.Dataset:
        """Returns what the model is validated on after each epoch."""

    def callbacks(self, model: Any) -> Sequence[keras.callbacks.Callback]:
        """Returns further callbacks of the training."""
        del model
        return []

    @abc.abstractmethod
    def score(
        self, model: Any, job: contract.Job, split: str
    ) -> dict[str, rows.Estimate]:
        """Scores a trained model on a split."""

    def measure(
        self,
        model: Any,
        job: contract.Job,
        monitors: Sequence[training.ConflictMonitor],
        outcome: contract.Outcome,
    ) -> None:
        """Adds to an outcome what else is measured of a trained model."""
        del monitors
        outcome.update(job.examine(model, job))

    @abc.abstractmethod
    def save(self, model: Any, folder: pathlib.Path) -> None:
        """Writes the trained model."""


def conflict_monitors(model: keras.Model) -> list[training.ConflictMonitor]:
    """Returns a monitor for a compiled model, or none if there is no Gramian.

    Args:
        model: the model, whose optimizer may be one of `tfmeta.optimizers`.
    """
    if not isinstance(model.optimizer, optimizers.TaskGradientOptimizer):
        return []
    return [training.ConflictMonitor()]


def conflict_means(
    curve: Sequence[Mapping[str, float]],
) -> dict[str, rows.Estimate]:
    """Returns each of `CONFLICTS` as its mean over training, if measured.

    Args:
        curve: one mapping an epoch, with what a monitor put into its logs.
    """
    return {
        measure: rows.point(statistics.mean(point[measure] for point in curve))
        for measure in CONFLICTS
        if measure in curve[0]
    }


def by_network(
    curve: Sequence[Mapping[str, float]],
) -> dict[str, list[dict[str, float]]]:
    """Takes apart what was measured of several networks of one agent.

    Args:
        curve: one dict an epoch, with what the monitor of a model put into its
            logs, or, as `"critic_conflicting_pairs"`, of each network.

    Returns:
        For each network, by its name, the epochs in which it was measured, with
        the names of a model's alone; nothing if nothing was.
    """
    networks = {
        name.removesuffix(_PAIRS).removesuffix("_"): name.removesuffix(_PAIRS)
        for point in curve
        for name in point
        if name.endswith(_PAIRS)
    }
    return {
        network: [
            {"step": point["step"]}
            | {
                name.removeprefix(prefix): value
                for name, value in point.items()
                if name.startswith(prefix)
            }
            for point in curve
            if f"{prefix}{_PAIRS}" in point
        ]
        for network, prefix in networks.items()
    }

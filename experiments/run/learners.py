"""How meta-learners are trained and scored, and the settings that all have."""

import abc
import dataclasses
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from experiments.run import contract, pac_bayes, rows, settings
from experiments.run import training as resumable
from tfmeta import learners, training

_VALIDATION_BATCHES = 5

BUDGET = (
    settings.integer("steps", 600, "Outer steps of each method."),
    settings.integer(
        "steps_per_epoch",
        100,
        "Steps between two checkpoints, validations and points of the curves.",
    ),
    settings.integer(
        "meta_batch_size",
        8,
        "Tasks in an outer step.",
        least=2,
        title="tasks a step",
    ),
    settings.integer(
        "eval_tasks", 600, "Tasks to evaluate on, of each split.", least=2
    ),
)
HYPERPARAMETERS = (
    settings.number(
        "inner_learning_rate",
        None,
        "Step size of the inner loop; by default the method's.",
        title="inner rate",
    ),
    settings.integer(
        "inner_steps",
        None,
        "Gradient steps of the inner loop in training; by default the "
        "method's.",
    ),
    settings.integer(
        "test_inner_steps",
        None,
        "Gradient steps of the inner loop at test; by default the method's.",
        title="inner steps at test",
    ),
    settings.number(
        "outer_learning_rate",
        None,
        "Learning rate of Adam at the start; by default the method's.",
        title="outer rate",
    ),
    settings.choice(
        "outer_schedule",
        None,
        ("cosine", "constant"),
        "Whether the outer learning rate falls to zero as half a cosine over "
        "the run, or stays; cosine.",
    ),
    settings.number(
        "beta",
        None,
        "Weight of the KL divergence, summed over weights (W), averaged over "
        "activations (A); by default the method's.",
        zero=True,
    ),
    settings.number(
        "initial_scale",
        None,
        "Initial sigma of the posterior; by default the method's.",
    ),
    settings.number(
        "weight_decay",
        None,
        "Decoupled weight decay, of the weights that the inner loop leaves "
        "alone or, where it leaves none, of all; by default the method's.",
        zero=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class Tasks(abc.ABC):
    """Streams of the tasks that a meta-learner learns from.

    Attributes:
        values: see `contract.Problem`.
    """

    values: contract.Values

    @property
    def summary(self) -> str:
        """What a run prints of it."""
        return ""

    def train_episodes(self, *, start: int) -> tf.data.Dataset:
        """Returns the tasks to train on, from number `start` on."""
        return self.episodes("meta-train", "train", start)

    def validation_episodes(self) -> tf.data.Dataset:
        """Returns the tasks of the learning curve."""
        return self.episodes("meta-validation", "curve", 0)

    def eval_episodes(self, split: str) -> tf.data.Dataset:
        """Returns the tasks to score on, of a split."""
        return self.episodes(split, "eval", 0)

    @abc.abstractmethod
    def episodes(self, split: str, use: str, start: int) -> tf.data.Dataset:
        """Returns an endless stream of tasks.

        Args:
            split: what they are made of, one of `tfmeta.tasks.splits.SPLITS`.
            use: what they are for, `"train"`, `"curve"` or `"eval"`. Streams
                that differ in this or in the split share no tasks.
            start: the number of the first task.
        """


class LearnerTrainer(resumable.KerasTrainer):
    """Trains and scores meta-learners.

    Args:
        metric: name of what they are judged by, in the results.
        keras_metric: the same as Keras calls it, in the curves.
        score: `(query_y, predictions)` of a meta-batch to scores `[tasks]`.
        loss: of queries.
        error: what a PAC-Bayes bound is on, see `pac_bayes`.
        of_logits: whether predictions are logits, whose calibration is measured
            too.
    """

    def __init__(
        self,
        metric: str,
        score: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        *,
        loss: Callable[[], keras.losses.Loss],
        error: pac_bayes.Loss,
        of_logits: bool = False,
    ):
        self._metric = metric
        self._score = score
        self._loss = loss
        self._error = error
        self._of_logits = of_logits

    def build(self, job: contract.Job) -> learners.Learner:
        """Builds and compiles the learner of a job."""
        learner = job.method.build(job.settings, job.problem, job.seed)
        optimizer: keras.optimizers.Optimizer = outer_optimizer(
            learner, job.settings, steps=job.budget.steps
        )
        if job.method.aggregator is not None:
            # The mean, since a meta-batch is a sample of tasks.
            optimizer = job.method.aggregator(
                optimizer, reduction="mean", seed=job.seed
            )
        learner.compile(optimizer, self._loss(), metrics=[self._metric])
        return learner

    def batches(self, job: contract.Job, start: int) -> tf.data.Dataset:
        """Returns the meta-batches from number `start` on."""
        first = start * job.budget.meta_batch_size
        return _meta_batches(job.problem.train_episodes(start=first), job)

    def validation_batches(self, job: contract.Job) -> tf.data.Dataset:
        """Returns the meta-batches of the learning curve."""
        return _meta_batches(job.problem.validation_episodes(), job).take(
            _VALIDATION_BATCHES
        )

    def score(
        self, model: learners.Learner, job: contract.Job, split: str
    ) -> dict[str, rows.Estimate]:
        """Scores a learner on tasks of a split, before and after adaptation."""
        print(f"Evaluating on {split} tasks")
        tasks = job.budget.eval_tasks
        progress = keras.utils.Progbar(tasks, unit_name="task")
        calibration = training.Calibration() if self._of_logits else None
        evaluation = training.evaluate_tasks(
            model,
            _meta_batches(job.problem.eval_episodes(split), job),
            tasks=tasks,
            score=self._score,
            on_predictions=calibration.update if calibration else None,
            on_progress=progress.update,
        )
        scores = {
            self._metric: evaluation.adapted,
            f"{self._metric}_before_adaptation": evaluation.initial,
            f"{self._metric}_with_other_support": evaluation.other_support,
        }
        if calibration is None:
            return _estimates(scores)
        scores["nll"] = calibration.negative_log_likelihood()
        return _estimates(scores) | {
            "ece": rows.point(calibration.expected_error())
        }

    def measure(self, model, job, monitors, outcome) -> None:
        """Adds a PAC-Bayes bound where there is a posterior over weights."""
        if pac_bayes.has_posterior(model):
            print("Measuring what bounds the error on tasks to come")
            metrics, notes = pac_bayes.measure(
                model,
                _meta_batches(job.problem.eval_episodes("meta-train"), job),
                tasks=job.budget.eval_tasks,
                loss=self._error,
            )
            outcome["metrics"].update(metrics)
            outcome["notes"] = notes
        super().measure(model, job, monitors, outcome)

    def save(self, model: learners.Learner, folder: pathlib.Path) -> None:
        """Writes the learner for Keras, and a SavedModel for everyone else."""
        temporary = folder / ".saved_model.writing"
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(folder / "saved_model", ignore_errors=True)
        model.save(folder / "learner.keras")
        model.export(temporary)
        temporary.replace(folder / "saved_model")


def outer_optimizer(
    learner: learners.Learner, chosen: contract.Values, *, steps: int
) -> keras.optimizers.Adam:
    """Makes the optimizer of the outer loop.

    Weight decay, decoupled as AdamW's, acts on the weights that the inner loop
    leaves alone, or on all of them where it leaves none.

    Args:
        learner: whose weights it is for.
        chosen: the method's settings.
        steps: outer steps of the whole run.
    """
    rate = chosen["outer_learning_rate"]
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
        if chosen["outer_schedule"] == "cosine"
        else rate,
        weight_decay=chosen.get("weight_decay") or None,
    )
    adapted = learner.adapted_weights()
    if len(adapted) < len(learner.network.trainable_variables):
        optimizer.exclude_from_weight_decay(adapted)
    return optimizer


def _meta_batches(
    episodes: tf.data.Dataset, job: contract.Job
) -> tf.data.Dataset:
    """Batches tasks as an outer step takes them."""
    size = job.budget.meta_batch_size
    return episodes.batch(size, drop_remainder=True).prefetch(2)


def _estimates(scores: dict[str, Any]) -> dict[str, rows.Estimate]:
    return {
        name: rows.estimate(score.mean, score.ci95, score.tasks)
        for name, score in scores.items()
    }

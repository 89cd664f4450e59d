"""The evaluation protocol: one score per task, a mean and an interval."""

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.training import loss_functions


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over tasks.

    Attributes:
        mean: mean of the tasks' scores.
        ci95: half-width of the 95% confidence interval of the mean, by the
            normal approximation, 1.96 standard errors.
        tasks: number of tasks.
    """

    mean: float
    ci95: float
    tasks: int

    @classmethod
    def of(cls, scores: np.ndarray) -> "Estimate":
        """Estimates the mean of scores `[tasks]`, of at least two tasks."""
        standard_error = np.std(scores, ddof=1) / math.sqrt(len(scores))
        return cls(
            float(np.mean(scores)), float(1.96 * standard_error), len(scores)
        )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How a learner does on the queries of a set of tasks.

    Attributes:
        adapted: after adaptation to the task's support set.
        initial: before adaptation.
        other_support: after adaptation to another task's support set.
    """

    adapted: Estimate
    initial: Estimate
    other_support: Estimate


class PredictsQueries(Protocol):
    """What the protocol needs of a learner."""

    def predict_queries(self, episodes):
        """Returns predictions after, before and despite adaptation."""


Score = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def accuracy(query_y: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Scores classification.

    Args:
        query_y: class labels `[tasks, queries]`.
        predictions: logits or probabilities `[tasks, queries, ways]`.

    Returns:
        The share of right predictions of each task, `[tasks]`.
    """
    predicted = tf.argmax(predictions, axis=-1, output_type=query_y.dtype)
    right = tf.cast(tf.equal(predicted, query_y), tf.float32)
    return tf.reduce_mean(right, axis=-1)


def squared_error(query_y: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Scores regression.

    Args:
        query_y: targets `[tasks, queries, ...]`.
        predictions: of the same shape; or one has a last axis of 1 more.

    Returns:
        The mean squared error of each task, `[tasks]`.
    """
    query_y, predictions = loss_functions.align(query_y, predictions)
    squares = tf.square(query_y - predictions)
    return tf.reduce_mean(squares, axis=range(1, len(squares.shape)))


def evaluate_tasks(
    learner: PredictsQueries,
    meta_batches: tf.data.Dataset,
    *,
    tasks: int,
    score: Score = accuracy,
    on_predictions: Callable[[tf.Tensor, tf.Tensor], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Scores a learner on tasks, one score a task.

    Args:
        learner: a compiled learner.
        meta_batches: `(support_x, support_y, query_x, query_y)`, each with a
            leading task axis of at least two tasks.
        tasks: number of tasks to score, at least 2; the rest is not read.
        score: `(query_y, predictions)` of a meta-batch to scores `[tasks]`.
        on_predictions: called with `(query_y, predictions)` of each meta-batch,
            after adaptation: for what is not a score of one task, such as
            `Calibration.update`.
        on_progress: called with the number of tasks done after each batch.

    Returns:
        Estimates over the tasks, after, before and despite adaptation.

    Raises:
        InputError: if there are fewer tasks than asked for, or a meta-batch
            holds a single one.
    """
    scores: list[list[np.ndarray]] = []
    done = 0
    for episodes in meta_batches:
        query_y = episodes[3]
        if len(query_y) < 2:
            raise errors.InputError(
                "meta_batches: a meta-batch of 1 task has no other support; "
                "batch at least 2"
            )
        predictions = learner.predict_queries(episodes)
        scores.append([score(query_y, kind).numpy() for kind in predictions])
        if on_predictions is not None:
            left = tasks - done
            on_predictions(query_y[:left], predictions[0][:left])
        done = min(done + len(query_y), tasks)
        if on_progress is not None:
            on_progress(done)
        if done >= tasks:
            break
    if done < max(tasks, 2):
        raise errors.InputError(
            f"tasks={tasks}: expected at least 2, and as many in the data, "
            f"which has {done}"
        )
    adapted, initial, other_support = (
        Estimate.of(np.concatenate(kind)[:tasks])
        for kind in zip(*scores, strict=True)
    )
    return Evaluation(adapted, initial, other_support)

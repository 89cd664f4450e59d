"""The PAC-Bayes bound of a trained learner."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from experiments.run import rows
from tfmeta import errors, layers, learners, regularizers, training

_DELTA = 0.05

# `(query_y, predictions)` of a meta-batch to losses `[tasks]` in 0..1.
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def share_wrong(query_y: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Returns the share of queries whose likeliest class is wrong."""
    return 1 - training.accuracy(query_y, predictions)


def squared_error_within(low: float, high: float) -> Loss:
    """Returns squared errors as shares of what a range of numbers allows.

    What is out of the range counts as its nearest end, so that no error is
    above 1, and that of a task with a prediction that is not a number is 1.

    Args:
        low: where labels begin.
        high: where they end.
    """

    def share(numbers: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(numbers, low, high) / (high - low)

    def loss(query_y: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
        squares = training.squared_error(share(query_y), share(predictions))
        return tf.where(tf.math.is_nan(squares), tf.ones_like(squares), squares)

    return loss


def has_posterior(learner: learners.Learner) -> bool:
    """Returns whether a learner has a posterior over weights."""
    return any(
        isinstance(layer, layers.VariationalLayer)
        for layer in learner.network._flatten_layers()
    )


def measure(
    learner: learners.Learner,
    meta_batches: tf.data.Dataset,
    *,
    tasks: int,
    loss: Loss,
) -> tuple[dict[str, rows.Estimate], dict[str, str]]:
    """Bounds a learner's error on tasks to come.

    The errors are those of draws of theta from the posterior, with everything
    as in training: which tasks share a draw, the number of inner steps. They
    stand for their expectation over theta, which the theorem asks for.

    Args:
        learner: a compiled learner with a posterior over weights.
        meta_batches: tasks of the distribution that it was trained on.
        tasks: how many of them to take.
        loss: what an error is.

    Returns:
        Metrics and notes. The metrics, each after `pac_bayes_`, are `bound` of
        `meta_generalization_bound`, `even_bound` of
        `even_meta_generalization_bound`, and what they are made of: `error`,
        `points_per_task`, `delta`, `kl` in nats, `weights`, and
        `point_weights`, those that were trained without a posterior and that
        the bound leaves out. Where the theorem does not hold there are none.
        The note `pac_bayes` is "vacuous" if neither bound is below 1, "not
        vacuous", or why there is no bound.
    """
    try:
        divergence = regularizers.posterior_divergence(learner.network)
    except errors.InputError as error:
        return {}, {"pac_bayes": str(error)}
    predict = tf.function(
        lambda episodes: learner.task_gradients(episodes).outputs.predictions,
        reduce_retracing=True,
    )
    task_errors = np.empty(0)
    for episodes in meta_batches:
        task_errors = np.append(
            task_errors, loss(episodes[3], predict(episodes))
        )
        if len(task_errors) >= tasks:
            break
    points = int(episodes[3].shape[1])
    arguments = task_errors[:tasks], divergence.kl
    bounds = {
        name: float(function(*arguments, points_per_task=points, delta=_DELTA))
        for name, function in (
            ("bound", regularizers.meta_generalization_bound),
            ("even_bound", regularizers.even_meta_generalization_bound),
        )
    }
    mean = training.Estimate.of(task_errors[:tasks])
    numbers = {
        **bounds,
        "points_per_task": points,
        "delta": _DELTA,
        **divergence._asdict(),
    }
    metrics = {
        "pac_bayes_error": rows.estimate(mean.mean, mean.ci95, mean.tasks)
    } | {
        f"pac_bayes_{name}": rows.point(number)
        for name, number in numbers.items()
    }
    is_vacuous = min(bounds.values()) >= 1
    return metrics, {"pac_bayes": "vacuous" if is_vacuous else "not vacuous"}

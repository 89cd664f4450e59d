"""The PAC-Bayes bound of a trained learner, and what to say of it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from experiments import learner_training
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


def examine(
    learner: learners.Learner,
    problem: learner_training.Problem,
    budget: learner_training.Budget,
    loss: Loss,
) -> dict[str, Any]:
    """Bounds the error of a learner that `learner_training` has trained.

    Returns:
        As `"pac_bayes"` what `measure` returns, or None if the learner has no
        posterior over weights.
    """
    if not any(
        isinstance(layer, layers.VariationalLayer)
        for layer in learner.network._flatten_layers()
    ):
        return {"pac_bayes": None}
    print("Measuring what bounds the error on tasks to come")
    return {
        "pac_bayes": measure(
            learner,
            learner_training.meta_batches(
                problem.eval_episodes("meta-train"), budget
            ),
            tasks=budget.eval_tasks,
            loss=loss,
        )
    }


def measure(
    learner: learners.Learner,
    meta_batches: tf.data.Dataset,
    *,
    tasks: int,
    loss: Loss,
) -> dict[str, Any]:
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
        `"bound"` of `meta_generalization_bound`, `"even_bound"` of
        `even_meta_generalization_bound`, `"vacuous"`: whether neither is below
        1; and what they are made of: `"error"`, `"points_per_task"`, `"delta"`,
        `"kl"`, `"weights"`, and `"point_weights"`, those that were trained
        without a posterior and that the bound leaves out. Where the theorem
        does not hold, `"not_applicable"` alone: why.
    """
    try:
        divergence = regularizers.posterior_divergence(learner.network)
    except errors.InputError as error:
        return {"not_applicable": str(error)}
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
    bound, even_bound = (
        float(function(*arguments, points_per_task=points, delta=_DELTA))
        for function in (
            regularizers.meta_generalization_bound,
            regularizers.even_meta_generalization_bound,
        )
    )
    return {
        "bound": bound,
        "even_bound": even_bound,
        "vacuous": min(bound, even_bound) >= 1,
        "error": dataclasses.asdict(training.Estimate.of(task_errors[:tasks])),
        "points_per_task": points,
        "delta": _DELTA,
        **divergence._asdict(),
    }


def notes(
    rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
) -> list[str]:
    """Returns what to say of the bounds of a run.

    Args:
        rows: those of `results.json`.
        titles: of the methods, by their names.
    """
    bounds = {
        titles[row["method"]]: row["pac_bayes"]
        for row in rows
        if row.get("pac_bayes")
    }
    return [note(*bound) for bound in bounds.items()]


def note(title: str, measured: dict[str, Any]) -> str:
    """Returns what to say of a bound.

    Args:
        title: the method's.
        measured: of `measure`.
    """
    if "not_applicable" in measured:
        return f"{title}: no PAC-Bayes bound;\n  {measured['not_applicable']}"
    verdict = "vacuous" if measured["vacuous"] else "not vacuous"
    return (
        f"{title}: PAC-Bayes bounds its error (0 to 1) on new tasks drawn as "
        f"those\n  of meta-train by {measured['bound']:.3g} (delta shared "
        f"evenly: {measured['even_bound']:.3g}), {verdict};\n  measured: "
        f"{measured['error']['mean']:.3g}, KL: {measured['kl']:.4g} nats."
    )

"""The PAC-Bayes bound of a trained learner, and what to say of it."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta import errors, layers, learners, regularizers, training

_DELTA = 0.05


def has_posterior(learner: learners.Learner) -> bool:
    """Returns whether a learner has a posterior over weights."""
    return any(
        isinstance(layer, layers.VariationalLayer)
        for layer in learner.network.layers
    )


def measure(
    learner: learners.Learner, meta_batches: tf.data.Dataset, *, tasks: int
) -> dict[str, Any]:
    """Bounds a classifier's error on tasks to come.

    The errors are those of draws of theta from the posterior, with everything
    as in training: which tasks share a draw, the number of inner steps. They
    stand for their expectation over theta, which the theorem asks for.

    Args:
        learner: a compiled learner with a posterior over weights.
        meta_batches: tasks of the distribution that it was trained on.
        tasks: how many of them to take.

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
        accuracy = training.accuracy(episodes[3], predict(episodes))
        task_errors = np.append(task_errors, 1 - accuracy)
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
        f"{title}: PAC-Bayes bounds its error on new tasks of the meta-train "
        f"classes by\n  {measured['bound']:.3g} (delta shared evenly: "
        f"{measured['even_bound']:.3g}), {verdict}; measured: "
        f"{measured['error']['mean']:.3g}, KL: {measured['kl']:.4g} nats."
    )

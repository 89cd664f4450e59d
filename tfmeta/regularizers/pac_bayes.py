"""PAC-Bayes bounds on the error of a meta-learner on future tasks.

Both bounds follow from one theorem and differ in how they divide `delta`.

The setting is that of Yin et al. (2020, "Meta-Learning without Memorization",
section 4 and its theorem 1). A task is a draw of `(T_i, D_i)`, a distribution
of points and a support set, from an environment; there are `n` independent
ones. Each has `K` further points, the validation points or queries, which are
independent given the task. `theta` is everything that was meta-trained. An
algorithm that is fixed beforehand makes predictions from theta, a support set
and a point, and their loss is in [0, 1]. Then

    er(Q)   = E_(T, D) E_(theta ~ Q) E_(point ~ T) loss
    er_i(Q) = E_(theta ~ Q) mean of the loss over the K points of task i

are the error on future tasks and the measured error on task i.

For any prior P that was fixed before the tasks were seen, with probability at
least 1 - delta over the tasks and their points, it holds for all posteriors Q
at once, so also for one that was trained on these tasks, that

    er(Q) <= mean_i er_i(Q) + sqrt((KL + log(K / delta_1)) / (2 (K - 1)))
                            + sqrt((KL + log(n / delta_0)) / (2 (n - 1))),

where `KL = KL(Q || P)` in nats and `delta_0 + n delta_1 = delta`. This is
McAllester's bound (2003; Shalev-Shwartz and Ben-David 2014, theorem 31.1),
applied to the n tasks, whose errors are the losses, and to the K points of each
task, and joined by a union bound.

An experiment may not meet all assumptions of the theorem:

- The errors are those of `theta ~ Q`, not of the posterior's means.
- Weights that were meta-trained without a posterior, such as the initial head
  of MR-MAML(W), are part of theta. The bound is on the weights with a
  posterior, as if the others had been chosen without the tasks.
- Future tasks are from the environment that the n tasks were drawn from. Tasks
  made of a fixed pool of classes are independent draws from that pool: the
  bound is on new tasks of the same classes.
- With predictions that depend on the other queries (`TaskBatchNormalization`)
  the points of a task are dependent.
"""

from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers.variational import base
from tfmeta.layers.variational import lazy_distributions as tfd


class PosteriorDivergence(NamedTuple):
    """How far a network's posterior is from its prior.

    Attributes:
        kl: `KL(Q || P)` in nats, summed over all weights with a posterior.
        weights: number of weights with a posterior.
        point_weights: number of trainable weights without one. Their divergence
            from any prior with a density would be infinite.
    """

    kl: float
    weights: int
    point_weights: int


def meta_generalization_bound(
    task_errors: npt.ArrayLike,
    kl: npt.ArrayLike,
    *,
    points_per_task: int,
    delta: float = 0.05,
) -> npt.NDArray[np.float64]:
    """Bounds the error on future tasks, in the form of Yin et al. (2020).

    Theorem 1 of the paper, with n tasks of K points:

        er <= mean(er_i) + (sqrt(1 / (2 (K - 1))) + sqrt(1 / (2 (n - 1))))
                           sqrt(KL + log(n (K + 1) / delta))

    Here `delta_0 = delta / (K + 1)` for the environment and `delta_1 = delta K
    / (n (K + 1))` for each task, so that both logarithms are the same. See the
    module for the assumptions.

    Args:
        task_errors: er_i of each task with draws from the posterior, `[...,
            tasks]` in [0, 1].
        kl: `[...]`, `KL(Q || P)` in nats.
        points_per_task: K, at least 2.
        delta: the probability with which the bound may not hold, in (0, 1).

    Returns:
        The bound `[...]`, which is vacuous from 1 on.

    Raises:
        InputError: if an argument is out of range.
    """
    mean, kl, tasks = _check(task_errors, kl, points_per_task, delta)
    complexity = kl + np.log(tasks * (points_per_task + 1) / delta)
    return mean + np.sqrt(complexity) * (
        np.sqrt(1 / (2 * (points_per_task - 1))) + np.sqrt(1 / (2 * tasks - 2))
    )


def even_meta_generalization_bound(
    task_errors: npt.ArrayLike,
    kl: npt.ArrayLike,
    *,
    points_per_task: int,
    delta: float = 0.05,
) -> npt.NDArray[np.float64]:
    """Bounds the error on future tasks, with `delta` divided evenly.

    Half of `delta` goes to the environment and half to the n tasks:

        er <= mean(er_i) + sqrt((KL + log(2 n K / delta)) / (2 (K - 1)))
                         + sqrt((KL + log(2 n / delta)) / (2 (n - 1)))

    It is the tighter of the two bounds if n is small compared with K. See the
    module for the assumptions.

    Args:
        task_errors: see `meta_generalization_bound`.
        kl: likewise.
        points_per_task: likewise.
        delta: likewise.

    Returns:
        The bound `[...]`, which is vacuous from 1 on.

    Raises:
        InputError: if an argument is out of range.
    """
    mean, kl, tasks = _check(task_errors, kl, points_per_task, delta)
    of_tasks = kl + np.log(2 * tasks * points_per_task / delta)
    of_environment = kl + np.log(2 * tasks / delta)
    return (
        mean
        + np.sqrt(of_tasks / (2 * (points_per_task - 1)))
        + np.sqrt(of_environment / (2 * (tasks - 1)))
    )


def posterior_divergence(network: keras.Model) -> PosteriorDivergence:
    """Measures how far a network's posterior is from its prior.

    Divergences are not multiplied by the beta that they were trained with.

    Args:
        network: a built Keras model.

    Raises:
        InputError: if it has no variational layer with a prior, or a prior was
            trained and so depends on the tasks.
    """
    divergences = []
    count = 0
    own: set[int] = set()
    for layer in network._flatten_layers():
        if not isinstance(layer, base.VariationalLayer):
            continue
        for weight, posterior in layer.posteriors().items():
            with tf.GradientTape() as tape:
                prior = layer.prior(weight)
            if prior is None:
                continue
            if tape.watched_variables():
                raise errors.InputError(
                    f"network={network.name!r}: the prior of {layer.name!r} is "
                    "trained; expected one that is fixed before the tasks are "
                    "seen"
                )
            divergences.append(float(tfd.kl_divergence(posterior, prior)))
            count += int(tf.size(posterior.mean()))
            own.update(
                id(variable)
                for variable in layer.distribution_variables
                if variable.name.startswith(f"{weight}_posterior")
            )
    if not divergences:
        raise errors.InputError(
            f"network={network.name!r} has no posterior over weights: expected "
            "variational layers with a prior"
        )
    return PosteriorDivergence(
        kl=float(np.sum(divergences)),
        weights=count,
        point_weights=sum(
            int(np.prod(variable.shape))
            for variable in network.trainable_variables
            if id(variable) not in own
        ),
    )


def _check(
    task_errors: npt.ArrayLike,
    kl: npt.ArrayLike,
    points_per_task: int,
    delta: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Returns the mean task error, the divergence and the number of tasks."""
    task_errors = np.asarray(task_errors, np.float64)
    kl = np.asarray(kl, np.float64)
    if task_errors.ndim < 1 or task_errors.shape[-1] < 2:
        raise errors.InputError(
            f"task_errors: expected those of at least 2 tasks, got the shape "
            f"{task_errors.shape}"
        )
    if not np.all((task_errors >= 0) & (task_errors <= 1)):
        raise errors.InputError(
            f"task_errors: expected numbers in [0, 1], got some from "
            f"{task_errors.min()} to {task_errors.max()}"
        )
    if not np.all(kl >= 0):
        raise errors.InputError(f"kl={kl.min()}: expected nats, not below 0")
    if not points_per_task >= 2:
        raise errors.InputError(
            f"points_per_task={points_per_task}: expected at least 2"
        )
    if not 0 < delta < 1:
        raise errors.InputError(
            f"delta={delta}: expected a number between 0 and 1"
        )
    return task_errors.mean(axis=-1), kl, task_errors.shape[-1]

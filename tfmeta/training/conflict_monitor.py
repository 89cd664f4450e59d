"""How much the gradients of tasks conflict: the tragic triad."""

import collections
from typing import Any, NamedTuple, Protocol, runtime_checkable

import keras
import numpy as np

from tfmeta import errors
from tfmeta.optimizers import task_gradient_optimizer


class ConflictStatistics(NamedTuple):
    """What the Gramian of task gradients tells of each pair of tasks.

    Definitions 1, 2 and 5 of Yu et al. 2020, "Gradient Surgery for Multi-Task
    Learning". Pairs with a zero gradient are orthogonal and unlike in length.

    Attributes:
        cosines: `[..., tasks, tasks]`, of the angles between gradients; those
            below zero conflict.
        magnitude_similarities: `[..., tasks, tasks]`, Phi, from 0 to 1 for
            gradients of the same length.
        curvature_bounds: `[..., tasks, tasks]`, xi, the multi-task curvature
            bounding measure, from 0 to 4. For gradients that conflict it is at
            most `(1 - cosine)^2`, its value for those of one length.
    """

    cosines: np.ndarray
    magnitude_similarities: np.ndarray
    curvature_bounds: np.ndarray


def conflict_statistics(gramian: np.ndarray) -> ConflictStatistics:
    """Computes the statistics of each pair of tasks.

    Args:
        gramian: `[..., tasks, tasks]`, inner products of the task gradients.

    Returns:
        The `ConflictStatistics`.
    """
    gramian = np.asarray(gramian, np.float64)
    squares = np.diagonal(gramian, axis1=-2, axis2=-1)
    of_row, of_column = squares[..., :, None], squares[..., None, :]
    lengths = np.sqrt(of_row * of_column)
    sums = of_row + of_column
    # Rounding must not carry anything past where it can be.
    cosines = np.clip(_divide(gramian, lengths), -1, 1)
    difference, total = np.maximum(sums - 2 * gramian, 0), sums + 2 * gramian
    bounds = (1 - cosines**2) * _divide(difference, total)
    # Where the sum vanishes, rounding or 0 / 0 is what the formula tells.
    of_one_length = (1 - cosines) ** 2
    bounds = np.where(
        (total <= 0) | (cosines < 0) & (bounds > of_one_length),
        of_one_length,
        bounds,
    )
    return ConflictStatistics(cosines, _divide(2 * lengths, sums), bounds)


@runtime_checkable
class MeasuresCurvature(Protocol):
    """A model that can measure how its loss curves along its steps."""

    @property
    def last_curvature(self) -> Any:
        """Variable `[2]`, see `StepCurvature.last`; None if not measured."""


class ConflictMonitor(keras.callbacks.Callback):
    """Reports how much tasks conflict, next to the losses.

    Reads the Gramian that an optimizer of task gradients, such as
    `tfmeta.optimizers.PCGrad`, makes anyway (`LinearScalarization` is the plain
    sum), and adds to the logs of each epoch, of all its steps:

    - `conflicting_pairs`: the share of pairs of tasks whose cosine is negative,
    - `gradient_cosine`: the mean cosine of all pairs,
    - `magnitude_similarity`: the mean Phi of all pairs,

    and of the pairs that conflict (NaN if there is none), as figure 4 of Yu et
    al. 2020 does for two tasks:

    - `curvature_bound`: the mean xi,
    - `condition_a`: the share on which condition (a) of Theorem 2 holds, by
      which PCGrad's step is better than that of the sum: `cosine <= -Phi`,
    - `condition_b`: the share with `xi <= 1`. Condition (b) is `l >= xi L`, of
      a loss whose gradient is Lipschitz with constant L and whose curvature
      along the gradient is l or more. As `l <= L`, it implies this.

    The curvature itself cannot be seen in a Gramian. A learner or a
    `tfmeta.multitask.MultiTaskModel` that is compiled with
    `measure_curvature=True` measures it by one more forward and backward pass
    a step; then there are, see `tfmeta.training.StepCurvature`,

    - `curvature`: the mean H of the total loss,
    - `directional_sharpness`: the mean of H over the squared length of a step.

    It stands before callbacks that are to see these, such as TensorBoard. With
    `steps_per_execution` it sees the last of these steps. Steps with gradients
    that are not finite, which a loss scale skips, do not count.

    An agent has an optimizer for each network, and a monitor is for one:

        ConflictMonitor(critic_optimizer, prefix="critic_")

    Args:
        optimizer: whose Gramian to read; by default the model's.
        prefix: before the names in the logs.

    Raises:
        InputError: from `fit`, if the optimizer keeps no Gramian.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer | None = None,
        *,
        prefix: str = "",
    ):
        super().__init__()
        self._optimizer = optimizer
        self._prefix = prefix
        self._forget()

    @property
    def cosines(self) -> np.ndarray:
        """The mean cosines `[tasks, tasks]` of the last epoch's gradients."""
        return self._cosines.result()

    def on_train_begin(self, logs=None):
        """Checks the optimizer."""
        del logs
        optimizer = self._of()
        if not isinstance(
            optimizer, task_gradient_optimizer.TaskGradientOptimizer
        ):
            raise errors.InputError(
                "ConflictMonitor: expected an optimizer of task gradients, "
                "such as tfmeta.optimizers.PCGrad, got "
                f"{type(optimizer).__name__}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        """Forgets the epoch before."""
        del epoch, logs
        self._forget()

    def on_train_batch_end(self, batch, logs=None):
        """Takes note of a step."""
        del batch, logs
        gramian = self._of().last_gramian.numpy()
        if len(gramian) < 2 or not np.all(np.isfinite(gramian)):
            return
        statistics = conflict_statistics(gramian)
        self._cosines.add([statistics.cosines])
        pairs = np.triu_indices(len(gramian), 1)
        cosine, similarity, bound = (values[pairs] for values in statistics)
        conflicts = cosine < 0
        for name, values in {
            "conflicting_pairs": conflicts,
            "gradient_cosine": cosine,
            "magnitude_similarity": similarity,
            "curvature_bound": bound[conflicts],
            "condition_a": (cosine <= -similarity)[conflicts],
            "condition_b": (bound <= 1)[conflicts],
        }.items():
            self._logged[name].add(values)
        curvature = None
        if isinstance(self.model, MeasuresCurvature):
            curvature = self.model.last_curvature
        if curvature is not None:
            for name, value in zip(
                ("curvature", "directional_sharpness"),
                curvature.numpy(),
                strict=True,
            ):
                self._logged[name].add([value] if np.isfinite(value) else [])

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch's means to the logs."""
        del epoch
        if logs is not None:
            logs.update(
                {
                    f"{self._prefix}{name}": float(mean.result())
                    for name, mean in self._logged.items()
                }
            )

    def _of(self) -> Any:
        """Returns the optimizer whose Gramian is read."""
        return self._optimizer or self.model.optimizer

    def _forget(self) -> None:
        self._cosines = _Mean()
        self._logged: dict[str, _Mean] = collections.defaultdict(_Mean)


class _Mean:
    """A mean over the first axis of all that was added; NaN of nothing."""

    def __init__(self):
        self._total: np.ndarray | float = 0.0
        self._count = 0

    def add(self, values) -> None:
        self._total = self._total + np.sum(values, 0)
        self._count += len(values)

    def result(self) -> np.ndarray:
        return np.asarray(self._total / self._count if self._count else np.nan)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divides, with 0 where the denominator is."""
    return np.divide(
        numerator,
        denominator,
        out=np.zeros_like(numerator),
        where=denominator > 0,
    )

"""How much the gradients of tasks conflict: the tragic triad."""

from typing import NamedTuple

import keras
import numpy as np

from tfmeta import errors


class ConflictStatistics(NamedTuple):
    """What the Gramian of task gradients tells of each pair of tasks.

    Definitions 1 to 3 of Yu et al. 2020, "Gradient Surgery for Multi-Task
    Learning". Pairs with a zero gradient are orthogonal and unlike in length.

    Attributes:
        cosines: `[..., tasks, tasks]`, of the angles between gradients; those
            below zero conflict.
        magnitude_similarities: `[..., tasks, tasks]`, Phi, from 0 to 1 for
            gradients of the same length.
        curvature_bounds: `[..., tasks, tasks]`, xi, the multi-task curvature
            bounding measure; infinite for opposite gradients of one length.
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
    cosines = _divide(gramian, lengths)
    difference, total = sums - 2 * gramian, sums + 2 * gramian
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = (1 - cosines**2) * difference / total
    # Gradients on one line have no angle; opposite ones have no sum either.
    bounds = np.where(total > 0, bounds, np.inf)
    return ConflictStatistics(cosines, _divide(2 * lengths, sums), bounds)


class ConflictMonitor(keras.callbacks.Callback):
    """Reports how much tasks conflict, next to the losses.

    Reads the Gramian that an optimizer of task gradients, such as
    `tfmeta.optimizers.PCGrad`, makes anyway (`LinearScalarization` is the plain
    sum), and adds to the logs of each epoch, as means over its steps:

    - `conflicting_pairs`: the share of pairs of tasks whose cosine is negative,
    - `gradient_cosine`: the mean cosine of all pairs,
    - `magnitude_similarity`: the mean Phi of all pairs.

    It stands before callbacks that are to see these, such as TensorBoard. With
    `steps_per_execution` it sees the last of these steps.

    Raises:
        InputError: from `fit`, if the model's optimizer keeps no Gramian.
    """

    def on_train_begin(self, logs=None):
        """Checks the optimizer."""
        del logs
        if not hasattr(self.model.optimizer, "last_gramian"):
            raise errors.InputError(
                "ConflictMonitor: expected an optimizer of task gradients, "
                "such as tfmeta.optimizers.PCGrad, got "
                f"{type(self.model.optimizer).__name__}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        """Forgets the epoch before."""
        del epoch, logs
        self._steps: list[dict[str, float]] = []

    def on_train_batch_end(self, batch, logs=None):
        """Takes note of a step."""
        del batch, logs
        statistics = conflict_statistics(
            self.model.optimizer.last_gramian.numpy()
        )
        pairs = np.triu_indices(statistics.cosines.shape[0], 1)
        cosines = statistics.cosines[pairs]
        if not cosines.size:
            return
        self._steps.append(
            {
                "conflicting_pairs": float(np.mean(cosines < 0)),
                "gradient_cosine": float(np.mean(cosines)),
                "magnitude_similarity": float(
                    np.mean(statistics.magnitude_similarities[pairs])
                ),
            }
        )

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch's means to the logs."""
        del epoch
        if logs is None or not self._steps:
            return
        for name in self._steps[0]:
            logs[name] = float(np.mean([step[name] for step in self._steps]))


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divides, with 0 where the denominator is."""
    return np.divide(
        numerator,
        denominator,
        out=np.zeros_like(numerator),
        where=denominator > 0,
    )

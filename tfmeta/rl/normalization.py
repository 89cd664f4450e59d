"""Observations of like size, by what was seen so far."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta import errors

# Of what comes out, in standard deviations.
LIMIT = 10.0
# Added to the variance of a number that hardly varies.
_EPSILON = 1e-8


class RunningNormalizer:
    """Takes the mean off observations and divides by the standard deviation.

    Both are those of all that was added, by the updates of Chan et al. (1979),
    in float64. What comes out is clipped to [-10, 10]. Before anything was
    added, observations are merely clipped.

    Args:
        size: numbers in an observation.
    """

    def __init__(self, size: int):
        self._count = 0
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)  # Of differences from the mean, summed.
        self._refresh()

    def add(self, observations: np.ndarray) -> None:
        """Counts observations.

        Args:
            observations: `[rows, size]`.
        """
        rows = len(observations)
        mean = observations.mean(0, dtype=np.float64)
        difference = mean - self._mean
        count = self._count + rows
        self._squares += ((observations - mean) ** 2).sum(0)
        self._squares += difference**2 * (self._count * rows / count)
        self._mean += difference * (rows / count)
        self._count = count
        self._refresh()

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Returns normalized observations, float32.

        Args:
            observations: `[..., size]`.
        """
        scaled = (np.asarray(observations, np.float32) - self._shift) * (
            self._scale
        )
        return np.clip(scaled, -LIMIT, LIMIT)

    def apply(self, observations: tf.Tensor) -> tf.Tensor:
        """Does the same in TensorFlow, with the statistics as constants.

        Args:
            observations: `[..., size]`, float32.
        """
        return tf.clip_by_value(
            (observations - self._shift) * self._scale, -LIMIT, LIMIT
        )

    def state(self) -> dict[str, Any]:
        """Returns the statistics as JSON holds them, exactly."""
        return {
            "count": self._count,
            "mean": self._mean.tolist(),
            "squares": self._squares.tolist(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` returned.

        Raises:
            InputError: if it is of observations of another size.
        """
        mean = np.array(state["mean"], np.float64)
        if mean.shape != self._mean.shape:
            raise errors.InputError(
                f"normalizer: of observations of {mean.size} numbers, expected "
                f"{self._mean.size}"
            )
        self._count = int(state["count"])
        self._mean = mean
        self._squares = np.array(state["squares"], np.float64)
        self._refresh()

    def _refresh(self) -> None:
        variance = self._squares / self._count if self._count else 1.0
        self._shift = self._mean.astype(np.float32)
        self._scale = (1 / np.sqrt(variance + _EPSILON)) * np.ones_like(
            self._shift
        )
        self._scale = self._scale.astype(np.float32)


class RewardNormalizer:
    """Divides the rewards of each task by the mean of their absolute values.

    The mean is of all that was added. So tasks whose rewards differ in size
    weigh alike in losses that they share; applied to what a replay gives, old
    rewards are divided by what is known now.

    Args:
        tasks: number of tasks.
    """

    def __init__(self, tasks: int):
        self._count = 0
        self._sums = np.zeros(tasks)

    def add(self, rewards: np.ndarray) -> None:
        """Counts rewards.

        Args:
            rewards: one of each task, `[tasks]`.
        """
        self._count += 1
        self._sums += np.abs(rewards)

    def __call__(self, rewards: np.ndarray) -> np.ndarray:
        """Returns normalized rewards, float32; as they are before any came.

        Args:
            rewards: `[..., tasks, batch]`.
        """
        # A task that gave nothing but zeros has nothing to divide.
        means = np.where(self._sums > 0, self._sums, 1) / max(self._count, 1)
        return np.asarray(rewards, np.float32) / means[:, np.newaxis].astype(
            np.float32
        )

    def state(self) -> dict[str, Any]:
        """Returns the statistics as JSON holds them, exactly."""
        return {"count": self._count, "sums": self._sums.tolist()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` returned.

        Raises:
            InputError: if it is of another number of tasks.
        """
        sums = np.array(state["sums"], np.float64)
        if sums.shape != self._sums.shape:
            raise errors.InputError(
                f"normalizer: of {sums.size} tasks, expected {self._sums.size}"
            )
        self._count, self._sums = int(state["count"]), sums

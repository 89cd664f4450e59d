"""Layers that learn from the tasks' losses, without a gradient."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import tensorflow as tf


@runtime_checkable
class LearnsFromLosses(Protocol):
    """A layer that no gradient reaches, such as a `Router`."""

    def learn_from_losses(self, losses: Mapping[str, tf.Tensor]) -> None:
        """Makes a step of its own.

        Args:
            losses: each task's, a scalar, as it is before any weighting.
        """

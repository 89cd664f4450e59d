"""Layers that learn from the losses of tasks and not by gradients."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import tensorflow as tf


@runtime_checkable
class LearnsFromLosses(Protocol):
    """A layer that each train step of a multi-task model lets learn.

    Its weights are not trainable, for no gradient changes them.
    """

    def learn_from_losses(self, losses: Mapping[str, tf.Tensor]) -> None:
        """Learns after a train step.

        Args:
            losses: for each task's name its examples' losses in this step,
                `[batch]`, or a scalar if its loss function gives no more; with
                the weights of samples, without those of tasks.
        """

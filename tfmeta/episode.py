"""The type in which tasks travel from their sources to learners."""

from typing import NamedTuple

import tensorflow as tf


class Episode(NamedTuple):
    """One task, or with a leading axis a batch of tasks.

    Attributes:
        support_x: what the learner adapts to: float32 inputs, such as images
            `[ways * shots, H, W, C]`.
        support_y: their labels, int32 `[ways * shots]`, 0 to `ways - 1`; or
            float32 targets `[shots, outputs]` of a regression.
        query_x: what it is then judged on: float32 inputs, such as images
            `[ways * queries, H, W, C]`.
        query_y: their labels, int32 `[ways * queries]`, or targets.
    """

    support_x: tf.Tensor
    support_y: tf.Tensor
    query_x: tf.Tensor
    query_y: tf.Tensor

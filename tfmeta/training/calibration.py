"""Calibration: whether a classifier is right as often as it is confident."""

import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.training import evaluation


class Calibration:
    """Measures the probabilities that a learner gives to classes.

    It gathers the predictions of an evaluation:

        calibration = Calibration()
        evaluate_tasks(..., on_predictions=calibration.update)
        calibration.expected_error()

    Args:
        bins: of equal width, into which confidences fall.

    Raises:
        InputError: if there is no bin.
    """

    def __init__(self, bins: int = 15):
        if bins < 1:
            raise errors.InputError(f"bins={bins}: expected at least 1")
        self._bins = bins
        self._losses: list[np.ndarray] = []
        # Of each bin: its queries, their confidences, those that are right.
        self._sums = np.zeros((3, bins))

    def update(self, query_y: tf.Tensor, logits: tf.Tensor) -> None:
        """Adds the queries of a meta-batch.

        Args:
            query_y: class labels `[tasks, queries]`.
            logits: `[tasks, queries, ways]`, or logarithms of probabilities.
        """
        labels = np.asarray(query_y)
        log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float64))
        log_probabilities = log_probabilities.numpy()
        self._losses.append(
            -np.take_along_axis(
                log_probabilities, labels[..., None], axis=-1
            ).mean(axis=(1, 2))
        )
        confidences = np.exp(log_probabilities.max(axis=-1)).ravel()
        right = (log_probabilities.argmax(axis=-1) == labels).ravel()
        # A bin holds its upper end, not its lower.
        bins = np.ceil(confidences * self._bins).astype(int) - 1
        bins = np.clip(bins, 0, self._bins - 1)
        self._sums += [
            np.bincount(bins, weights, minlength=self._bins)
            for weights in (np.ones_like(confidences), confidences, right)
        ]

    def expected_error(self) -> float:
        """Returns the expected calibration error, of all queries together.

        The distance between confidence (the highest probability) and accuracy
        in each bin, averaged over bins with their shares of the queries as
        weights (Guo et al. 2017, "On Calibration of Modern Neural Networks",
        equation 3).
        """
        count, confidence, right = self._sums
        return float(np.abs(right - confidence).sum() / count.sum())

    def negative_log_likelihood(self) -> evaluation.Estimate:
        """Returns the queries' negative log-likelihood in nats, over tasks."""
        return evaluation.Estimate.of(np.concatenate(self._losses))

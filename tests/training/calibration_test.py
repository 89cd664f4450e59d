"""Calibration, against a loop over single queries."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import errors
from tfmeta.training import calibration, evaluation


def _one_by_one(labels, logits, bins):
    """Returns ECE and each task's NLL, as their definitions read."""
    members: list[list] = [[] for _ in range(bins)]
    losses: list[list] = []
    for task_labels, task_logits in zip(labels, logits, strict=True):
        losses.append([])
        for label, scores in zip(task_labels, task_logits, strict=True):
            probabilities = np.exp(scores) / np.sum(np.exp(scores))
            losses[-1].append(-np.log(probabilities[label]))
            confidence = probabilities.max()
            for number, queries in enumerate(members):
                if number / bins < confidence <= (number + 1) / bins:
                    right = probabilities.argmax() == label
                    queries.append((confidence, right))
    total = sum(map(len, members))
    error = sum(
        len(queries) / total * abs(np.mean(queries, axis=0) @ [1, -1])
        for queries in members
        if queries
    )
    return error, np.mean(losses, axis=1)


class _Learner:
    """Has the query itself for logits, after adaptation."""

    def predict_queries(self, episodes):
        return (episodes[2],) * 3


class CalibrationTest(absltest.TestCase):
    def test_agrees_with_the_definitions(self):
        rng = np.random.default_rng(0)
        tasks, queries, ways = 11, 40, 5
        logits = 2 * rng.normal(size=(12, queries, ways))
        labels = rng.integers(ways, size=(12, queries)).astype(np.int32)
        labels[:, ::2] = logits[:, ::2].argmax(-1)
        ours = calibration.Calibration()
        evaluation.evaluate_tasks(
            _Learner(),
            tf.data.Dataset.from_tensor_slices(
                (logits, labels, logits, labels)
            ).batch(4),
            tasks=tasks,
            on_predictions=ours.update,
        )
        error, losses = _one_by_one(labels[:tasks], logits[:tasks], 15)
        self.assertAlmostEqual(ours.expected_error(), error, places=12)
        self.assertGreater(error, 0.1)
        loss = ours.negative_log_likelihood()
        self.assertAlmostEqual(loss.mean, losses.mean(), places=12)
        self.assertAlmostEqual(
            loss.ci95, 1.96 * losses.std(ddof=1) / np.sqrt(tasks), places=12
        )
        self.assertEqual(loss.tasks, tasks)

    def test_certain_predictions(self):
        """As large as logits get: confidence 1 is of the last bin."""
        logits = tf.constant([[[1e4, 0.0], [0.0, 1e4], [1e4, 0.0]]] * 2)
        ours = calibration.Calibration()
        ours.update(tf.constant([[0, 1, 0], [0, 1, 1]]), logits)
        self.assertAlmostEqual(ours.expected_error(), 1 / 6)
        loss = ours.negative_log_likelihood()
        self.assertAlmostEqual(loss.mean, 1e4 / 6, places=3)

    def test_as_right_as_confident(self):
        logits = tf.math.log([[[0.75, 0.25]] * 4] * 3)
        ours = calibration.Calibration()
        ours.update(tf.constant([[0, 0, 1, 0]] * 3), logits)
        self.assertAlmostEqual(ours.expected_error(), 0, places=6)

    def test_no_bins(self):
        with self.assertRaisesRegex(errors.InputError, "bins=0"):
            calibration.Calibration(bins=0)


if __name__ == "__main__":
    absltest.main()

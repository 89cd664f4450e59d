"""The evaluation protocol, against hand-made predictions."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import errors
from tfmeta.training import evaluation


class _Oracle:
    """Predicts rightly after adaptation, label 0 before, and label 1 else."""

    def predict_queries(self, episodes):
        query_y = episodes[3]
        zeros = tf.zeros_like(query_y)
        return tuple(
            tf.one_hot(labels, 3) for labels in (query_y, zeros, zeros + 1)
        )


def _meta_batches(tasks=10, batch=2):
    rng = np.random.default_rng(0)
    query_y = rng.integers(3, size=(tasks, 7)).astype(np.int32)
    x = np.zeros((tasks, 7), np.float32)
    return query_y, tf.data.Dataset.from_tensor_slices(
        (x, query_y, x, query_y)
    ).batch(batch)


class EvaluationTest(absltest.TestCase):
    def test_scores_each_kind_of_prediction(self):
        query_y, meta_batches = _meta_batches()
        done: list[int] = []
        result = evaluation.evaluate_tasks(
            _Oracle(), meta_batches, tasks=9, on_progress=done.append
        )
        self.assertEqual(result.adapted, evaluation.Estimate(1.0, 0.0, 9))
        for estimate, label in ((result.initial, 0), (result.other_support, 1)):
            scores = np.mean(query_y[:9] == label, axis=1)
            self.assertAlmostEqual(estimate.mean, scores.mean(), places=6)
            self.assertAlmostEqual(
                estimate.ci95, 1.96 * scores.std(ddof=1) / 3, places=6
            )
        self.assertEqual(done, [2, 4, 6, 8, 9])

    def test_squared_error_is_of_each_task(self):
        y = tf.constant([[[1.0, 2.0]], [[0.0, 0.0]]])
        predictions = tf.constant([[[1.0, 4.0]], [[3.0, 1.0]]])
        np.testing.assert_allclose(
            evaluation.squared_error(y, predictions), [2.0, 5.0]
        )
        flat = tf.constant([[1.0, 2.0], [0.0, 0.0]])
        np.testing.assert_allclose(
            evaluation.squared_error(flat, tf.reshape(predictions, (2, 2, 1))),
            [2.0, 5.0],
        )

    def test_too_few_tasks(self):
        _, meta_batches = _meta_batches()
        with self.assertRaisesRegex(errors.InputError, "tasks=11.* has 10"):
            evaluation.evaluate_tasks(_Oracle(), meta_batches, tasks=11)

    def test_a_task_alone_has_no_other_support(self):
        _, meta_batches = _meta_batches(batch=1)
        with self.assertRaisesRegex(errors.InputError, "at least 2"):
            evaluation.evaluate_tasks(_Oracle(), meta_batches, tasks=5)


if __name__ == "__main__":
    absltest.main()

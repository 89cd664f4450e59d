"""Bounds of learners: what is measured, and where there is none."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

from experiments.run import pac_bayes
from tfmeta import layers, learners, regularizers

_TASKS, _POINTS, _FEATURES = 6, 5, 3


def _learner(prior, scale=0.2):
    """Its encoder is all there is of theta: the head learns from scratch."""
    network = keras.Sequential(
        [
            keras.Input((_FEATURES,)),
            layers.DenseReparameterization(
                4,
                kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=scale),
                kernel_prior_fn=prior,
                bias_posterior_fn=None,
            ),
            keras.layers.Dense(2, name="head"),
        ]
    )
    learner = learners.MAML(
        network, adapted="head", inner_learning_rate=2.0, mapping="map"
    )
    learner.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return learner


def _meta_batches():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(_TASKS, 2, _POINTS, _FEATURES)).astype(np.float32)
    y = (x[..., 0] > 0).astype(np.int32)
    return tf.data.Dataset.from_tensor_slices(
        (x[:, 0], y[:, 0], x[:, 1], y[:, 1])
    ).batch(2)


class PACBayesTest(absltest.TestCase):
    def test_errors_are_those_of_draws(self):
        """With a narrow posterior, those of its means; with a wide one not."""
        for scale, is_mean in ((1e-4, True), (3.0, False)):
            keras.utils.set_random_seed(0)
            learner = _learner(layers.NormalPrior(), scale)
            measured, _ = pac_bayes.measure(
                learner, _meta_batches(), tasks=5, loss=pac_bayes.share_wrong
            )
            means = np.concatenate(
                [
                    np.mean(np.argmax(learner(batch[:3]), -1) != batch[3], -1)
                    for batch in _meta_batches()
                ]
            )[:5]
            with self.subTest(scale=scale):
                self.assertEqual(
                    np.isclose(
                        measured["pac_bayes_error"]["mean"], means.mean()
                    ),
                    is_mean,
                )
                self.assertEqual(measured["pac_bayes_error"]["count"], 5)

    def test_bound_is_made_of_what_is_measured(self):
        learner = _learner(layers.NormalPrior())
        metrics, notes = pac_bayes.measure(
            learner, _meta_batches(), tasks=_TASKS, loss=pac_bayes.share_wrong
        )
        measured = {name: found["mean"] for name, found in metrics.items()}
        for name, function in (
            ("bound", regularizers.meta_generalization_bound),
            ("even_bound", regularizers.even_meta_generalization_bound),
        ):
            expected = function(
                np.full(_TASKS, measured["pac_bayes_error"]),
                measured["pac_bayes_kl"],
                points_per_task=_POINTS,
                delta=measured["pac_bayes_delta"],
            )
            self.assertAlmostEqual(
                measured[f"pac_bayes_{name}"], float(expected)
            )
        self.assertEqual(notes, {"pac_bayes": "vacuous"})

    def test_no_bound_under_a_trained_prior(self):
        learner = _learner(layers.LearnedNormalPrior())
        metrics, notes = pac_bayes.measure(
            learner, _meta_batches(), tasks=_TASKS, loss=pac_bayes.share_wrong
        )
        self.assertEmpty(metrics)
        self.assertRegex(notes["pac_bayes"], "prior")

    def test_squared_errors_are_shares_of_the_largest(self):
        loss = pac_bayes.squared_error_within(-1, 3)
        query_y = tf.constant([[[0.0], [1.0]], [[-1.0], [-1.5]], [[0], [0]]])
        predictions = tf.constant(
            [[[2.0], [1.0]], [[9.0], [3.0]], [[np.nan], [0.0]]]
        )
        np.testing.assert_allclose(loss(query_y, predictions), [0.125, 1, 1])


if __name__ == "__main__":
    absltest.main()

"""A learned prior's scale against its closed form, and in a saved model."""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import errors
from tfmeta.layers.variational import dense, learned_prior, posteriors


def _model():
    keras.utils.set_random_seed(0)
    layer = dense.DenseReparameterization(
        7,
        kernel_posterior_fn=posteriors.MeanFieldNormal(initial_scale=0.3),
        kernel_prior_fn=learned_prior.LearnedNormalPrior(0.7),
    )
    return keras.Sequential([keras.Input((5,)), layer]), layer


class LearnedNormalPriorTest(absltest.TestCase):
    def test_the_divergence_has_its_optimum_at_the_root_mean_square(self):
        model, layer = _model()
        (log_scale,) = (
            v for v in model.trainable_variables if "log_scale" in v.name
        )
        self.assertAlmostEqual(float(tf.exp(log_scale)), 0.7, 6)
        normal = layer.posterior("kernel").distribution
        squares = normal.loc**2 + normal.scale**2
        log_scale.assign(0.5 * tf.math.log(tf.reduce_mean(squares)))
        with tf.GradientTape() as tape:
            model(tf.zeros((1, 5)))
            (divergence,) = model.losses
        gradient = tape.gradient(divergence, log_scale.value)
        np.testing.assert_allclose(gradient, 0, atol=1e-4)
        optimum = float(divergence)
        # There the closed form is the sum of log(s / sigma).
        scale = tf.exp(log_scale.value)
        np.testing.assert_allclose(
            optimum, tf.reduce_sum(tf.math.log(scale / normal.scale)), rtol=1e-5
        )

    def test_a_model_is_saved_with_it(self):
        model, layer = _model()
        layer.trainable_variables[2].assign(0.25)
        file = pathlib.Path(self.create_tempdir().full_path, "model.keras")
        model.save(file)
        loaded = keras.models.load_model(file)
        x = np.ones((2, 5), np.float32)
        np.testing.assert_array_equal(loaded(x), model(x))
        np.testing.assert_array_equal(loaded.losses, model.losses)

    def test_scale_is_positive(self):
        with self.assertRaisesRegex(errors.InputError, "initial_scale=0"):
            learned_prior.LearnedNormalPrior(0)


if __name__ == "__main__":
    absltest.main()

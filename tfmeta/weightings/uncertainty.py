"""Weights by learned uncertainty."""

import keras
import tensorflow as tf

from tfmeta.weightings import weighting


@keras.saving.register_keras_serializable("tfmeta")
class Uncertainty(weighting.Weighting):
    """Homoscedastic uncertainty of each task (Kendall et al. 2018, eq. 7).

    The total is `sum_i exp(-s_i) / 2 L_i + s_i / 2` with a trainable log
    variance `s_i = log sigma_i^2` for each task, at first 0, so that all
    weights start at 1/2. For the softmax likelihood of a classifier the paper
    has `exp(-s_i) L_i + s_i / 2` (eq. 10). Once the variances have adapted the
    weights of both forms are `1 / (2 L_i)`; one form serves all tasks here, as
    in the code of MTAN.
    """

    def build(self, input_shape):
        """Makes the log variances."""
        super().build(input_shape)
        self.log_variances = self.add_weight(
            name="log_variances", shape=input_shape, initializer="zeros"
        )

    def call(self, losses):
        """Returns `exp(-s) / 2`."""
        del losses
        return tf.exp(-self.log_variances) / 2

    def penalty(self, losses):
        """Returns `sum_i s_i / 2`, of the tasks that the batch holds.

        The likelihood of no examples says nothing of their noise.
        """
        variances = tf.convert_to_tensor(self.log_variances)
        held = weighting.are_held(losses)
        return tf.reduce_sum(tf.where(held, variances, 0)) / 2

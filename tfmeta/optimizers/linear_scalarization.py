"""Summing the task gradients: what surgery is held against."""

import keras
import tensorflow as tf

from tfmeta.optimizers import task_gradient_optimizer


@keras.saving.register_keras_serializable("tfmeta")
class LinearScalarization(task_gradient_optimizer.TaskGradientOptimizer):
    """Sums the task gradients as they are, or averages them.

    The same update as that of the inner optimizer on the summed loss, but with
    the Gramian recorded: the baseline with which diagnostics compare. Arguments
    as of `TaskGradientOptimizer`.
    """

    def task_weights(self, gramian, seed):
        """Returns ones."""
        del seed
        return tf.ones_like(gramian[0])

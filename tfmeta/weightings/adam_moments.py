"""The steps of Adam for the weightings that learn by rules of their own."""

import keras
import tensorflow as tf

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class AdamMoments(keras.Layer):
    """Gradients `[T]` to the steps of Adam (Kingma & Ba 2015, algorithm 1).

    A weighting's rule is not the gradient of the loss that the model's
    optimizer descends, so it has an optimizer of its own; as a layer, its state
    is among the model's variables and therefore in the checkpoints.
    """

    def build(self, input_shape):
        """Makes the two moments and the number of steps."""
        self.first, self.second, self.steps = (
            self.add_weight(
                name=name,
                shape=shape,
                dtype=dtype,
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
            )
            for name, shape, dtype in (
                ("first_moment", input_shape, None),
                ("second_moment", input_shape, None),
                ("steps", (), "int64"),
            )
        )

    def call(self, gradient):
        """Returns what to subtract, for a learning rate of 1."""
        steps = self.steps + 1
        first = _BETA1 * self.first + (1 - _BETA1) * gradient
        second = _BETA2 * self.second + (1 - _BETA2) * gradient**2
        self.steps.assign(steps)
        self.first.assign(first)
        self.second.assign(second)
        steps = tf.cast(steps, gradient.dtype)
        unbiased_first = first / (1 - _BETA1**steps)
        unbiased_second = second / (1 - _BETA2**steps)
        return unbiased_first / (tf.sqrt(unbiased_second) + _EPSILON)

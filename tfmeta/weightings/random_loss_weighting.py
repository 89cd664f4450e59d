"""Random weights."""

import keras
import tensorflow as tf

from tfmeta.weightings import weighting


@keras.saving.register_keras_serializable("tfmeta")
class RandomLossWeighting(weighting.Weighting):
    """Random loss weighting, RLW (Lin et al. 2022, section 3.1).

    Each step draws the weights anew, as the softmax of T standard normal
    numbers. They sum to 1, as in the paper.

    Args:
        seed: integer; it fixes all draws.
        **kwargs: see `Weighting`.
    """

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape):
        """Makes the number of the step, which the draws depend on."""
        super().build(input_shape)
        self.step = self.add_state("step", shape=(), dtype="int64")

    def call(self, losses):
        """Returns the weights of this step."""
        seed = [tf.constant(self.seed, tf.int64), self.step.value]
        return tf.nn.softmax(
            tf.random.stateless_normal(
                losses.shape, seed=tf.stack(seed), dtype=losses.dtype
            )
        )

    def update(self, losses, *, gradient_norms, new_losses):
        """Goes to the next step."""
        del losses, gradient_norms, new_losses
        self.step.assign_add(1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {"seed": self.seed}

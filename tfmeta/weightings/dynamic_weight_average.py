"""Weights by how fast the losses fall from epoch to epoch."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.weightings import weighting


@keras.saving.register_keras_serializable("tfmeta")
class DynamicWeightAverage(weighting.Weighting):
    """Dynamic weight average, DWA (Liu et al. 2019, eq. 7).

    In epoch t the weights are `T softmax(r / temperature)` with the ratios
    `r_i = L_i(t - 1) / L_i(t - 2)` of the mean losses of the two epochs before;
    in the first two epochs they are 1. Epochs are those of `fit`: with
    `train_on_batch` call `start_epoch` yourself.

    Args:
        temperature: the higher, the more even; the paper's is 2.
        **kwargs: see `Weighting`.

    Raises:
        InputError: if the temperature is not above 0.
    """

    def __init__(self, temperature: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        if not temperature > 0:
            raise errors.InputError(
                f"temperature={temperature}: expected a number above 0"
            )
        self.temperature = temperature

    def build(self, input_shape):
        """Makes the sums of this epoch and the means of the last two."""
        super().build(input_shape)
        self.loss_sums = self.add_state("loss_sums")
        self.steps = self.add_state("steps", shape=(), dtype="int64")
        self.epochs = self.add_state("epochs", shape=(), dtype="int64")
        self.last_means = self.add_state("last_means", "ones")
        self.second_last_means = self.add_state("second_last_means", "ones")

    def call(self, losses):
        """Returns the weights of this epoch."""
        del losses
        last, second_last = (
            tf.convert_to_tensor(means)
            for means in (self.last_means, self.second_last_means)
        )
        # A task that an epoch held no examples of has no ratio: as at first.
        ratios = tf.where(
            tf.logical_and(
                weighting.are_held(last), weighting.are_held(second_last)
            ),
            tf.math.divide_no_nan(last, second_last),
            1,
        )
        return self.num_tasks * tf.nn.softmax(ratios / self.temperature)

    def update(self, losses, *, gradient_norms, new_losses):
        """Adds the step to this epoch's sums."""
        del gradient_norms, new_losses
        self.loss_sums.assign_add(losses)
        self.steps.assign_add(1)

    def start_epoch(self):
        """Takes the epoch that has passed, if any, as the last one."""
        if int(tf.convert_to_tensor(self.steps)) == 0:
            return
        means = self.loss_sums / tf.cast(self.steps, self.loss_sums.dtype)
        # One epoch alone has no ratio: it is its own second last.
        first = int(tf.convert_to_tensor(self.epochs)) == 0
        self.second_last_means.assign(means if first else self.last_means)
        self.last_means.assign(means)
        self.loss_sums.assign(tf.zeros_like(means))
        self.steps.assign(0)
        self.epochs.assign_add(1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {"temperature": self.temperature}

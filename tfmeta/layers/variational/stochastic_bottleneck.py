"""The stochastic activations of meta-regularization."""

import keras
import numpy as np
import tensorflow as tf

from tfmeta.layers import arguments


@keras.saving.register_keras_serializable("tfmeta")
class StochasticBottleneck(keras.Layer):
    """Activations z ~ N(mu(x), sigma(x)^2), whose information is penalized.

    Meta-regularization on activations, MR(A) (Yin et al. 2020, section 4.1):
    the inputs pass through a few numbers z, and `KL(N(mu, sigma^2) || N(0, 1))`
    bounds the information on the inputs that is in them. In training each
    example's z is drawn; at inference it is mu. The divergence is averaged over
    examples and units, and `beta` times it is added to the layer's losses at
    each call.

    Args:
        units: size of z.
        divergence_weight: beta, not negative.
        seed: integer seed of the draws; a random one if None.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if `divergence_weight` is negative or not a number.
    """

    def __init__(
        self,
        units: int,
        divergence_weight: float = 1.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        arguments.check_not_negative(divergence_weight=divergence_weight)
        self.units = units
        self.divergence_weight = divergence_weight
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._mean = keras.layers.Dense(
            units, dtype=self.dtype_policy, name="mean"
        )
        self._untransformed_scale = keras.layers.Dense(
            units, dtype=self.dtype_policy, name="untransformed_scale"
        )

    def build(self, input_shape):
        """Makes the weights for inputs `[batch, features]`."""
        self._mean.build(input_shape)
        self._untransformed_scale.build(input_shape)

    def call(self, inputs, training=False):
        """Returns z, `[batch, units]`."""
        mean = self._mean(inputs)
        # In full precision, also where the layer computes in less; never 0.
        wide_mean = tf.cast(mean, self.variable_dtype)
        wide_scale = np.finfo(self.variable_dtype).eps + tf.nn.softplus(
            tf.cast(self._untransformed_scale(inputs), self.variable_dtype)
        )
        divergence = (
            tf.square(wide_mean) + tf.square(wide_scale) - 1
        ) / 2 - tf.math.log(wide_scale)
        self.add_loss(self.divergence_weight * tf.reduce_mean(divergence))
        if not training:
            return mean
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        scale = tf.cast(wide_scale, mean.dtype)
        return mean + scale * tf.random.stateless_normal(
            tf.shape(mean), seed, dtype=mean.dtype
        )

    def compute_output_shape(self, input_shape):
        """Returns the shape of z."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "units": self.units,
            "divergence_weight": self.divergence_weight,
            "seed": self.seed,
        }

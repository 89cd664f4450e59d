"""Dense layers with a posterior over their weights."""

import keras
import tensorflow as tf

from tfmeta.layers import arguments
from tfmeta.layers.variational import base, estimators


class _Dense(base.VariationalLayer):
    """A dense layer: inputs `[..., features]` to `[..., units]`.

    Args:
        units: number of outputs.
        **kwargs: see `VariationalLayer`.

    Raises:
        InputError: if `units` is not positive.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        arguments.check_positive_integers(units=units)
        self.units = units

    def build(self, input_shape):
        """Makes the weights."""
        features = input_shape[-1]
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: features}
        )
        self._build_distributions((features, self.units), (self.units,))

    def _multiply(self, inputs, kernel):
        if len(inputs.shape) == 2:
            return tf.matmul(inputs, kernel)
        return tf.tensordot(inputs, kernel, 1)

    def _sign_shape(self, values):
        return tf.shape(values)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the outputs."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable("tfmeta")
class DenseReparameterization(estimators.Reparameterization, _Dense):
    """A dense layer that draws one kernel a call.

    See `VariationalLayer`, and `tfp.layers.DenseReparameterization`.

    Args:
        units: number of outputs.
        **kwargs: see `VariationalLayer`.
    """


@keras.saving.register_keras_serializable("tfmeta")
class DenseLocalReparameterization(estimators.LocalReparameterization, _Dense):
    """A dense layer that draws its outputs.

    See `VariationalLayer`, and `tfp.layers.DenseLocalReparameterization`.

    Args:
        units: number of outputs.
        **kwargs: see `VariationalLayer`.
    """


@keras.saving.register_keras_serializable("tfmeta")
class DenseFlipout(estimators.Flipout, _Dense):
    """A dense layer that draws one kernel a call, and signs for each example.

    See `VariationalLayer`, and `tfp.layers.DenseFlipout`.

    Args:
        units: number of outputs.
        **kwargs: see `VariationalLayer`.
    """

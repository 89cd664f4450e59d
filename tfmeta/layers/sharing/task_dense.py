"""A fully connected layer with weights for each task."""

import keras
import tensorflow as tf

from tfmeta.layers import arguments
from tfmeta.layers.sharing import stacked


@keras.saving.register_keras_serializable("tfmeta")
class TaskDense(keras.Layer):
    """A fully connected layer of which each task has its own weights.

    Inputs `[batch, ..., tasks, features]` become `[batch, ..., tasks, units]`.
    Behind layers that tasks share it is a head for each task; from the first
    layer on, a network for each.

    Args:
        units: number of outputs.
        tasks: number of tasks.
        activation: activation of the outputs.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of each task's kernel.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if `units` or `tasks` is not positive.
    """

    def __init__(
        self,
        units: int,
        tasks: int,
        activation=None,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        arguments.check_positive_integers(units=units, tasks=tasks)
        self.units = units
        self.tasks = tasks
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, inputs_shape):
        """Makes a kernel `[tasks, features, units]` and a bias."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.tasks, inputs_shape[-1], self.units),
            initializer=stacked.initialize_each(self.kernel_initializer),
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.tasks, self.units), initializer="zeros"
            )

    def call(self, inputs):
        """Returns `activation(inputs kernel + bias)`, each task with its own.

        Args:
            inputs: `[batch, ..., tasks, features]`.
        """
        outputs = tf.einsum("...ti,tio->...to", inputs, self.kernel)
        if self.use_bias:
            outputs += self.bias
        return self.activation(outputs)

    def compute_output_shape(self, inputs_shape):
        """Returns the shape of the outputs."""
        return (*inputs_shape[:-1], self.units)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "units": self.units,
            "tasks": self.tasks,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }

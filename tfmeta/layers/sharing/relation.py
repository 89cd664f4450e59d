"""Heads of tasks whose weights have a common prior, learned with them."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments

# The tensor of all heads' weights is [features, units, tasks].
_MODES = ("feature", "unit", "task")


@keras.saving.register_keras_serializable("tfmeta")
class RelatedDense(keras.Layer):
    """A dense head for each task, with a tensor normal prior over all of them.

    Deep relationship networks (Long & Wang 2015), published as multilinear
    relationship networks (Long et al. 2017). The heads' weights W, `[features,
    units, tasks]`, have the prior `TN(0, S_feature, S_unit, S_task)`: a normal
    distribution with Kronecker-factored covariance. The layer's loss is the
    part of its negative logarithm that depends on W (section 4.1),

        weight / 2 * vec(W)^T (S_feature x S_unit x S_task)^-1 vec(W).

    At the start the covariances are identities, and this is an L2 penalty.
    `update_covariances` fits them to W by one round of the flip-flop algorithm
    (sections 3.2 and 4.2); call it now and then, for instance at the end of an
    epoch. It differs from the paper in two points, for the density that one
    tensor has under its own prior is not bounded: each covariance is scaled to
    a mean variance of 1, so that `weight` remains the prior's strength; and it
    is shrunk towards the identity, where the paper adds a small multiple of the
    identity. Biases have no prior.

    The layer takes `[batch, features]` for all tasks. Tasks with data of their
    own give a dict of such, in which some tasks may be missing. It returns a
    dict. Each head is a variable, so the loss of one task has no gradient with
    respect to another's head.

    Args:
        tasks: the tasks' names.
        units: outputs of each head.
        weight: of the prior, not negative.
        shrinkage: share of the identity in a fitted covariance, in (0, 1].
        activation: activation of the heads.
        kernel_initializer: initializer of each head's weights.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if there are no tasks or two of one name, or `weight` or
            `shrinkage` is out of its range.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        units: int,
        weight: float = 1e-2,
        shrinkage: float = 0.1,
        activation=None,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.tasks = arguments.check_task_names(tasks)
        arguments.check_not_negative(weight=weight)
        if not 0 < shrinkage <= 1:
            raise errors.InputError(
                f"shrinkage={shrinkage}: expected a number in (0, 1]"
            )
        self.units = units
        self.weight = weight
        self.shrinkage = shrinkage
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        """Makes the heads and the covariances."""
        shapes = input_shape
        if isinstance(shapes, dict):
            shapes = next(iter(shapes.values()))
        features = shapes[-1]
        self.kernels = [
            self.add_weight(
                name=f"{task}_kernel",
                shape=(features, self.units),
                # An initializer gives the same values at each call.
                initializer=self.kernel_initializer.clone(),
                # The penalty is of all heads together, so the first has it for
                # all. Keras adds the penalty of a variable once, however often
                # the layer is called.
                regularizer=self._penalty if index == 0 else None,
            )
            for index, task in enumerate(self.tasks)
        ]
        self.biases = [
            self.add_weight(
                name=f"{task}_bias", shape=(self.units,), initializer="zeros"
            )
            for task in self.tasks
        ]
        sizes = (features, self.units, len(self.tasks))
        self.covariances = {
            mode: self._add_identity(f"{mode}_covariance", size)
            for mode, size in zip(_MODES, sizes, strict=True)
        }
        self.precisions = {
            mode: self._add_identity(f"{mode}_precision", size)
            for mode, size in zip(_MODES, sizes, strict=True)
        }

    def call(self, inputs):
        """Returns each task's outputs, `[batch, units]`.

        Raises:
            InputError: if the inputs are of unknown tasks.
        """
        if not isinstance(inputs, dict):
            inputs = dict.fromkeys(self.tasks, inputs)
        return {
            task: self._head(self._index(task), features)
            for task, features in inputs.items()
        }

    def update_covariances(self) -> None:
        """Fits each covariance once to the heads' weights, in order.

        `S_k = W_(k) (kron of the other precisions) W_(k)^T`, scaled and shrunk,
        with W_(k) the tensor unfolded along its dimension k.
        """
        weights = self._weight_tensor()
        for mode in _MODES:
            others = {
                other: precision
                for other, precision in self.precisions.items()
                if other != mode
            }
            axis = _MODES.index(mode)
            rest = [other for other in range(3) if other != axis]
            estimate = tf.tensordot(
                _multiply(weights, others), weights, (rest, rest)
            )
            size = estimate.shape[0]
            identity = tf.eye(size, dtype=estimate.dtype)
            variance = tf.linalg.trace(estimate) / size
            estimate = tf.where(
                variance > 0,
                tf.math.divide_no_nan(estimate, variance),
                identity,
            )
            covariance = (
                1 - self.shrinkage
            ) * estimate + self.shrinkage * identity
            self.covariances[mode].assign(covariance)
            self.precisions[mode].assign(
                tf.linalg.cholesky_solve(
                    tf.linalg.cholesky(covariance), identity
                )
            )

    def compute_output_shape(self, input_shape):
        """Returns the shapes of the outputs."""
        if not isinstance(input_shape, dict):
            input_shape = dict.fromkeys(self.tasks, input_shape)
        return {
            task: (*shape[:-1], self.units)
            for task, shape in input_shape.items()
        }

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "tasks": self.tasks,
            "units": self.units,
            "weight": self.weight,
            "shrinkage": self.shrinkage,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }

    def _add_identity(self, name: str, size: int):
        return self.add_weight(
            name=name,
            shape=(size, size),
            initializer="identity",
            trainable=False,
            autocast=False,
        )

    def _index(self, task: str) -> int:
        if task not in self.tasks:
            raise errors.InputError(
                f"inputs of {self.name}: got task {task!r}, expected some of "
                f"{self.tasks}"
            )
        return self.tasks.index(task)

    def _head(self, index: int, features: tf.Tensor) -> tf.Tensor:
        products = tf.matmul(features, self.kernels[index])
        return self.activation(products + self.biases[index])

    def _weight_tensor(self) -> tf.Tensor:
        return tf.stack([kernel.value for kernel in self.kernels], axis=-1)

    def _penalty(self, _) -> tf.Tensor:
        weights = self._weight_tensor()
        product = _multiply(weights, self.precisions)
        return self.weight / 2 * tf.reduce_sum(weights * product)


def _multiply(weights: tf.Tensor, matrices: dict) -> tf.Tensor:
    """Multiplies the tensor's dimensions by symmetric matrices."""
    for mode, matrix in matrices.items():
        axis = _MODES.index(mode)
        product = tf.tensordot(matrix.value, weights, (1, axis))
        # tensordot puts the multiplied dimension first.
        order = [1, 2]
        order.insert(axis, 0)
        weights = tf.transpose(product, order)
    return weights

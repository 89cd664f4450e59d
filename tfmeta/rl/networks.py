"""Networks that several tasks have together."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import dense_chain
from tfmeta.layers.sharing import task_dense
from tfmeta.rl import mirror, task_inputs


class TaskNetwork:
    """A chain of dense layers, as a function of its weights and in NumPy.

    Which task it is stands behind the inputs, as a one-hot vector, if there
    are several and the first layer is one that they share.

    Attributes:
        network: a Keras model, a chain of `Dense` layers from `[batch, inputs]`
            to `[batch, outputs]`; with `layers.TaskDense` among them, from
            `[batch, tasks, inputs]` to `[batch, tasks, outputs]`.
        layers: of the network, in order.
        variables: all its weights.
        own: those of them that each task has for itself, `[tasks, ...]`.
        tells_tasks: whether the one-hot vector is there.

    Args:
        argument: that the network was given as, for error messages.
        network: see above.
        inputs: numbers in, without the one-hot vector.
        outputs: numbers out.
        tasks: number of tasks.

    Raises:
        InputError: if the network is not such a chain, built, trainable, and
            between such sizes.
    """

    def __init__(
        self,
        argument: str,
        network: keras.Model,
        *,
        inputs: int,
        outputs: int,
        tasks: int,
    ):
        if not isinstance(network, keras.Model) or not network.built:
            raise errors.InputError(
                f"{argument}: expected a built Keras model, a chain of Dense "
                f"layers, got {network!r}"
            )
        self._run = dense_chain.DenseChain(network, equal_copies=True)
        self.network = network
        self.layers = self._run.layers
        if not all(layer.trainable for layer in self.layers):
            raise errors.InputError(
                f"{argument}: {network.name!r} has layers that are not "
                "trainable: expected none"
            )
        per_task = [
            layer
            for layer in self.layers
            if isinstance(layer, task_dense.TaskDense)
        ]
        self.tells_tasks = tells_tasks(network, tasks)
        if self.tells_tasks:
            inputs += task_inputs.size(tasks)
        before = (None, tasks) if per_task else (None,)
        shapes = network.input_shape, network.output_shape
        expected = (*before, inputs), (*before, outputs)
        if shapes != expected:
            raise errors.InputError(
                f"{argument}: {network.name!r} takes {shapes[0]} to "
                f"{shapes[1]}, expected {expected[0]} to {expected[1]}"
            )
        self.variables: list[keras.Variable] = network.trainable_variables
        self.own: list[keras.Variable] = [
            variable
            for layer in per_task
            for variable in layer.trainable_variables
        ]

    def __call__(
        self, weights: Sequence[tf.Tensor], inputs: tf.Tensor
    ) -> tf.Tensor:
        """Runs the network, `[tasks, batch, outputs]`.

        Args:
            weights: values of `variables`, those that tasks share as they are
                or once for each task, with the same values.
            inputs: `[tasks, batch, inputs]`.
        """
        if self.tells_tasks:
            inputs = task_inputs.append_tensor(inputs)
        return self._run(weights, inputs)

    def values(self) -> list[tf.Tensor]:
        """Returns the weights as they are now."""
        return list(map(tf.convert_to_tensor, self.variables))


def tells_tasks(network: keras.Model, tasks: int) -> bool:
    """Returns whether a network sees which task it is.

    Args:
        network: see `TaskNetwork`.
        tasks: number of tasks.
    """
    first = dense_chain.DenseChain(network).layers[0]
    return tasks > 1 and not isinstance(first, task_dense.TaskDense)


class TaskMirror:
    """What a `TaskNetwork` says of one observation of each task, in NumPy.

    Args:
        of: the network.

    Raises:
        InputError: if it has an activation that `Mirror` has not.
    """

    def __init__(self, of: TaskNetwork):
        self._mirror = mirror.Mirror(of.network)
        self._tells_tasks = of.tells_tasks
        self._per_task = bool(of.own)
        self.refresh, self.take = self._mirror.refresh, self._mirror.take

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the outputs, `[tasks, outputs]`.

        Args:
            inputs: `[tasks, inputs]`.
        """
        if self._tells_tasks:
            inputs = task_inputs.append(inputs)
        if not self._per_task:
            return self._mirror(inputs)
        return self._mirror(inputs[:, np.newaxis])[:, 0]

"""What learners share that adapt by a pass through their networks."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import functional_network
from tfmeta.learners import learner, network_parts


class AmortizedLearner(learner.Learner):
    """A learner that adapts by running networks on the support set.

    No gradient is taken in the inner loop: what to do with a support set is
    itself a network, which the outer loop trains ("black-box" or amortized
    meta-learning).

    Args:
        parts: networks by their names, which are those of the constructor's
            arguments; the first takes the examples, and the last makes the
            predictions.
        **learner_arguments: `posterior_draw`, `task_regularizer`, `mapping`,
            `seed` and `name`, see `Learner`.

    Raises:
        InputError: see `Learner`.
    """

    def __init__(
        self, parts: Mapping[str, keras.Model], **learner_arguments: Any
    ):
        super().__init__(
            network_parts.NetworkParts(parts),
            second_order=False,
            **learner_arguments,
        )
        self._run_part = {
            name: functional_network.FunctionalNetwork(self.network, part)
            for name, part in parts.items()
        }

    def _network_config(self):
        return {
            name: keras.saving.serialize_keras_object(part)
            for name, part in self.network.parts.items()
        }

    @property
    def calls_per_task(self) -> int:
        """One for the support set, one for the queries."""
        return 2

    def _label_features(self, support_y: tf.Tensor) -> tf.Tensor:
        """Returns labels as networks take them, `[support, outputs]`.

        Class labels become one-hot vectors.
        """
        shape = self.network.outputs[0].shape[1:]
        if self.takes_class_labels:
            return one_hot(support_y, shape[-1], self.weight_dtype)
        if len(support_y.shape) == 1 and shape == (1,):
            # As the loss takes them.
            support_y = support_y[:, tf.newaxis]
        if not tf.TensorShape(shape).is_compatible_with(support_y.shape[1:]):
            raise errors.InputError(
                f"support_y: of shape {tuple(support_y.shape)}, expected "
                f"targets of shape {tuple(shape)}, as the predictions are"
            )
        return tf.cast(support_y, self.weight_dtype)


def one_hot(labels: tf.Tensor, ways: int, dtype: tf.DType) -> tf.Tensor:
    """Returns one-hot vectors, `[..., ways]`.

    Unlike `tf.one_hot` it does not pass over labels that are out of range,
    where kernels look at indices: on the CPU, without XLA.
    """
    return tf.gather(tf.eye(ways, dtype=dtype), labels, name="class_labels")

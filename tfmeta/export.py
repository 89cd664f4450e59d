"""Export of a learner as a SavedModel that adapts inside."""

import os
from collections.abc import Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from tfmeta import saved_model


class AdaptsToTasks(Protocol):
    """What can be exported: a compiled learner."""

    network: keras.Model

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that an adaptation depends on."""

    @property
    def takes_class_labels(self) -> bool:
        """Whether support labels are integer class labels."""

    def adapt(self, support_x, support_y) -> Any:
        """Returns the state of a task after its support set."""

    def predict_adapted(self, adapted: Any, query_x) -> tf.Tensor:
        """Predicts queries from a task's state."""


def export_learner(learner: AdaptsToTasks, path: str | os.PathLike) -> None:
    """Writes a SavedModel whose signature adapts to a support set.

    `serving_default` takes `support_x [support, ...]`, `support_y [support]`
    (class labels, int32; or regression targets `[support, outputs]`) and
    `query_x [queries, ...]` of one task, any number of each, and returns
    `predictions [queries, ...]`, the network's outputs after adaptation. It
    loads wherever TensorFlow is, without this library.

    Args:
        learner: a compiled learner.
        path: folder to write; it must not exist yet, or be empty.

    Raises:
        InputError: if the learner has no loss, or `path` holds something.
    """
    image = tf.TensorSpec(
        learner.network.inputs[0].shape, learner.network.inputs[0].dtype
    )

    def adapt_and_predict(support_x, support_y, query_x):
        adapted = learner.adapt(support_x, support_y)
        return {"predictions": learner.predict_adapted(adapted, query_x)}

    saved_model.write(
        path,
        adapt_and_predict,
        [image, _label_spec(learner), image],
        learner.variables,
    )


def _label_spec(learner: AdaptsToTasks) -> tf.TensorSpec:
    """Returns class labels `[support]`, or targets shaped as predictions."""
    if learner.takes_class_labels:
        return tf.TensorSpec((None,), tf.int32)
    output = learner.network.outputs[0]
    return tf.TensorSpec(output.shape, output.dtype)

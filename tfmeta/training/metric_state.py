"""Makes the state of compiled metrics before a step is traced."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def is_built(model: keras.Model) -> bool:
    """Whether compiled metrics have their state, or there are none."""
    metrics = model._compile_metrics
    return metrics is None or metrics.built


def build(model: keras.Model, y: Any, predictions: Any) -> None:
    """Makes the state of a model's compiled metrics, if they have none yet.

    Keras makes it at the first update, for only there it knows what a name such
    as `"accuracy"` stands for. That is within the trace of the first step, and
    TensorFlow traces a function twice that makes variables.

    Args:
        model: a compiled model.
        y: what `describe` returns for the labels.
        predictions: likewise.
    """
    # Keras has no public way to do it without a batch of data.
    if not is_built(model):
        model._compile_metrics.build(y, predictions)


def describe(batch: Any) -> Any:
    """Describes what a batch is made of.

    Args:
        batch: tensors, arrays or the specifications of a data set's elements,
            nested.

    Returns:
        The same with `keras.KerasTensor`, or None if not all of it are dense
        tensors of a known rank.
    """
    leaves = tf.nest.flatten(batch)
    if not all(
        isinstance(leaf, tf.TensorSpec | tf.Tensor | np.ndarray)
        and tf.TensorShape(leaf.shape).rank is not None
        for leaf in leaves
    ):
        return None
    return tf.nest.map_structure(
        lambda leaf: keras.KerasTensor(
            tuple(leaf.shape), tf.as_dtype(leaf.dtype).name
        ),
        batch,
    )

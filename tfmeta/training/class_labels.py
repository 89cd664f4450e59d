"""Class labels, looked at before a step that could not tell.

XLA and GPUs have no errors: of a label that is no class they make NaN, which
the first step spreads to all weights. On the CPU a kernel names the label, but
only without XLA.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors

# The name of the operation that fails, and what its kernel says.
_NAME = re.compile(r"labels_of/(.+?)/in_range")
_VALUE = re.compile(r"indices(\[.*?\]) = (-?\d+) is not in \[0, (\d+)\)")


def takes_class_labels(loss: Any) -> bool:
    """Whether a loss of `keras.losses.get` is one of integer class labels."""
    return (
        isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
        or loss is keras.losses.sparse_categorical_crossentropy
    )


def check(
    argument: str, labels: Any, loss: Any, classes: int | None
) -> tf.Tensor:
    """Returns labels, if each is a class, or the one that the loss ignores.

    It costs one look-up, on the host, which is where data sets leave labels. To
    take what it returns is to wait for it.

    Args:
        argument: what the user calls them.
        labels: numbers `[...]`, cast to integers as Keras' losses do.
        loss: what they are for.
        classes: how many there are; None if it is not known: then all pass.

    Raises:
        InputError: within `named_errors`, if one is neither; in a graph, when
            that is run.
    """
    if isinstance(labels, tf.RaggedTensor):
        return labels.with_flat_values(
            check(argument, labels.flat_values, loss, classes)
        )
    labels = tf.convert_to_tensor(labels)
    if classes is None or not takes_class_labels(loss):
        return labels
    integers = labels
    if labels.dtype not in (tf.int32, tf.int64):
        integers = tf.cast(labels, tf.int64)
    name = re.sub("[^A-Za-z0-9_./]", "_", argument)
    ignored = getattr(loss, "ignore_class", None)
    if ignored is not None:
        integers = tf.where(
            tf.equal(integers, ignored), tf.zeros_like(integers), integers
        )
    with tf.device("CPU:0"):
        # Class i stands in row i. (Assertions take several operations, and
        # what nothing takes the result of, TensorFlow leaves out.)
        checked = tf.gather(
            tf.range(classes, dtype=integers.dtype),
            integers,
            name=f"labels_of/{name}/in_range",
        )
    checked = tf.cast(checked, labels.dtype)
    if ignored is None:
        return checked
    return tf.where(
        tf.equal(labels, tf.cast(ignored, labels.dtype)), labels, checked
    )


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """Makes one line of TensorFlow's error of a label that is no class.

    Raises:
        InputError: the line.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        name, value = (p.search(error.message) for p in (_NAME, _VALUE))
        if name is None or value is None:
            raise
        place, label, classes = value.groups()
        raise errors.InputError(
            f"{name[1]}: label {label} at {place}, expected 0 to "
            f"{int(classes) - 1}, as the model has {classes} classes"
        ) from None

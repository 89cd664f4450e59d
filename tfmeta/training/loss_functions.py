"""Compiled losses: what targets and predictions they are given."""

from collections.abc import Callable

import keras
import tensorflow as tf

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""A function of targets and predictions, or a `keras.losses.Loss`."""


def apply(loss: Loss, y: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Computes a loss as Keras does with one that it was compiled with.

    Keras brings what it gives to a function to one rank: targets `[batch]` of
    predictions `[batch, 1]` would broadcast to a square, and silently be
    another loss (`LossFunctionWrapper.call`, Keras 3.15). A `keras.losses.Loss`
    does so itself, if it wants to.

    Args:
        loss: of `keras.losses.get`.
        y: `[batch, ...]`.
        predictions: `[batch, ...]`.

    Returns:
        What the loss returns: a scalar, or the losses of examples.
    """
    if not isinstance(loss, keras.losses.Loss):
        y, predictions = align(y, predictions)
    return loss(y, predictions)


def align(y: tf.Tensor, predictions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Brings targets and predictions to one rank, as Keras does.

    Where one of them has a last axis of 1 more than the other: `[batch]` and
    `[batch, 1]` become `[batch, 1]`, and of more axes the last one goes.

    Args:
        y: `[batch, ...]`.
        predictions: `[batch, ...]`.
    """
    predictions, y = _shorten(predictions, y)
    return _shorten(y, predictions)


def _shorten(longer: tf.Tensor, shorter: tf.Tensor):
    rank = len(shorter.shape)
    if len(longer.shape) != rank + 1 or longer.shape[-1] != 1:
        return longer, shorter
    if rank == 1:
        return longer, tf.expand_dims(shorter, -1)
    return tf.squeeze(longer, -1), shorter

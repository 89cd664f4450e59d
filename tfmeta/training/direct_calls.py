"""Calls of a `tf.function` without its dispatch."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class DirectCalls:
    """Calls the graph of a step past the dispatch of `tf.function`.

    For each call that goes through all that a graph could depend on, in Python:
    it takes as long as the step of a small network. Here a graph depends on the
    shapes and types of the data alone.

    Args:
        step: a function of one nested structure of tensors.
        jit_compile: whether XLA compiles the graphs.
    """

    def __init__(self, step: Callable[[Any], Any], *, jit_compile: bool):
        self._step = tf.function(
            step,
            autograph=False,
            jit_compile=jit_compile,
            reduce_retracing=True,
        )
        self._graphs: dict[tuple, Callable[[Any], Any]] = {}

    def __call__(self, data: Any) -> Any:
        """Makes a step."""
        key = tuple(
            (tensor.dtype, tuple(tensor.shape))
            for tensor in tf.nest.flatten(data)
        )
        if key not in self._graphs:
            self._graphs[key] = self._step.get_concrete_function(data)
        return self._graphs[key](data)

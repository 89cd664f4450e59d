"""What XLA cannot compile, said in a line."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from tfmeta import errors

# What TensorFlow says of operations that XLA has no form of.
_UNSUPPORTED = re.compile(
    r"Detected unsupported operations .*? on XLA_\w+: (.+?) \(No registered"
)


def unsupported_operation(
    function: Callable[..., Any], specs: Sequence[Any]
) -> str | None:
    """Returns the kind of an operation in a function that XLA does not know.

    It traces the function, and compiles and runs nothing.

    Args:
        function: takes tensors, which `tf.function` can trace.
        specs: a `tf.TensorSpec` for each of them. Sizes that are not known are
            taken for 2.

    Returns:
        The kind, such as `"PyFunc"`; None if XLA knows all of them.
    """
    known = [
        tf.TensorSpec([size or 2 for size in spec.shape], spec.dtype)
        for spec in specs
    ]
    compiled = tf.function(function, jit_compile=True)
    try:
        compiled.experimental_get_compiler_ir(*known)(stage="hlo")
    except (ValueError, tf.errors.OpError) as error:
        return _find(str(error))
    return None


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """Makes one line of TensorFlow's error of what XLA cannot compile.

    Raises:
        InputError: the line.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        operation = _find(error.message)
        if operation is None:
            raise
        raise errors.InputError(
            f"jit_compile: XLA cannot compile {operation}, of which the model "
            "makes use: expected compile(jit_compile=False)"
        ) from None


def _find(message: str) -> str | None:
    found = _UNSUPPORTED.search(message)
    return found and found[1]

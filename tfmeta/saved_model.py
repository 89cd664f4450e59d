"""Functions as SavedModels, which load without this library."""

import os
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors


def write(
    path: str | os.PathLike,
    function: Callable[..., dict[str, tf.Tensor]],
    input_signature: Sequence[tf.TensorSpec],
    variables: Iterable[keras.Variable],
) -> None:
    """Writes a SavedModel whose `serving_default` is a function.

    Args:
        path: folder to write; it must not exist yet, or be empty.
        function: its arguments bear the names of the signature's.
        input_signature: of each argument.
        variables: all that the function reads.

    Raises:
        InputError: if `path` holds something.
    """
    path = pathlib.Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise errors.InputError(
            f"path={str(path)!r} exists: give a new folder to export to"
        )
    module: Any = tf.Module()
    module.read_variables = [variable.value for variable in variables]
    module.function = tf.function(function, input_signature=input_signature)
    tf.saved_model.save(module, str(path), signatures=module.function)

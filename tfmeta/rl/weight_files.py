"""What an agent has learned, in a file."""

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmeta import checkpoint_folder, errors


def save(
    path: str | os.PathLike,
    variables: Sequence[keras.Variable],
    statistics: Mapping[str, Mapping[str, Any]],
) -> None:
    """Writes variables and statistics.

    Args:
        path: a file, replaced if it exists.
        variables: in an order that an agent built alike has, too.
        statistics: numbers and lists of them, by name, of each normalizer.

    Raises:
        OSError: if the file cannot be written.
    """
    arrays = {
        name: variable.numpy()
        for name, variable in checkpoint_folder.numbered(variables).items()
    }
    for group, state in statistics.items():
        for name, value in state.items():
            arrays[f"{group}.{name}"] = np.asarray(value)
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.writing")
    checkpoint_folder.write_arrays(temporary, arrays)
    temporary.replace(path)


def load(
    path: str | os.PathLike,
    variables: Sequence[keras.Variable],
    statistics: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Reads what `save` wrote.

    Args:
        path: the file.
        variables: what takes the values.
        statistics: the normalizers that there are.

    Returns:
        Their statistics.

    Raises:
        InputError: if the file cannot be read, or is of another agent; the
            variables are then left as they were.
    """
    what = f"weights {os.fspath(path)!r}"
    with checkpoint_folder.reading(what, "expected those of save_weights"):
        arrays = checkpoint_folder.read_arrays(pathlib.Path(path))
    states: dict[str, dict[str, Any]] = {}
    for name in [name for name in arrays if "." in name]:
        group, part = name.split(".", 1)
        states.setdefault(group, {})[part] = arrays.pop(name)
    if set(states) != set(statistics):
        raise errors.InputError(
            f"{what} is of an agent with {_listed(states)}, expected "
            f"{_listed(statistics)}"
        )
    checkpoint_folder.assign(
        checkpoint_folder.numbered(variables), arrays, what
    )
    return states


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no normalization"

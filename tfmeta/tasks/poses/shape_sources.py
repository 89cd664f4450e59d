"""Where the shapes of objects come from: CAD models, or random parts."""

import functools
import hashlib
import os
import threading
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from tfmeta import errors
from tfmeta.tasks.poses import (
    composed_objects,
    meshes,
    off_files,
    off_parser,
    primitives,
)

NUM_COMPOSED = 60

Shape = meshes.Mesh | Sequence[primitives.Part]


class ShapeSource(NamedTuple):
    """Makes the shape of an object when it is needed.

    Attributes:
        key: all that the shape depends on.
        make_shape: makes it; called in any thread.
    """

    key: str
    make_shape: Callable[[], Shape]


def from_off_files(
    cad: str | os.PathLike[str], exclude: Collection[str]
) -> dict[str, ShapeSource]:
    """Returns the CAD models of a folder or zip file, by name.

    Args:
        cad: the folder or zip file, see `off_files.read_off_files`.
        exclude: classes and meshes to pass over.

    Raises:
        InputError: if the files cannot be read.
    """
    try:
        files = off_files.read_off_files(cad, exclude=exclude)
    except errors.InputError as error:
        message = str(error).removeprefix("path: ")
        raise errors.InputError(f"cad: {message}") from error

    def parse(content: bytes) -> Shape:
        return meshes.normalize(off_parser.parse_off(content))

    return {
        name: ShapeSource(
            hashlib.sha256(content).hexdigest(),
            functools.partial(parse, content),
        )
        for name, content in files.items()
    }


def composed() -> dict[str, ShapeSource]:
    """Returns 60 objects composed of random primitives, by name."""
    lock = threading.Lock()

    @functools.cache
    def compose() -> Sequence[Shape]:
        return composed_objects.compose_objects(NUM_COMPOSED)

    def take(number: int) -> Shape:
        with lock:  # So that one thread composes them and the others wait.
            return compose()[number]

    return {
        f"composed/{number:02}": ShapeSource(
            f"version {composed_objects.VERSION}",
            functools.partial(take, number),
        )
        for number in range(NUM_COMPOSED)
    }

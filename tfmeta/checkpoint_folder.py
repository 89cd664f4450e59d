"""Checkpoints in a folder: each whole or not there."""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import keras
import numpy as np

from tfmeta import errors

_TEMPORARY = ".writing"


class CheckpointFolder:
    """The checkpoints of a run.

    One is written beside the others and then renamed, so that a run killed at
    any moment leaves the last whole one; the older are removed after that.

    Args:
        folder: where they are; made if missing.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)

    @property
    def latest(self) -> pathlib.Path | None:
        """The last whole checkpoint, itself a folder, or None."""
        whole = sorted(self._folder.glob("step-*"))
        return whole[-1] if whole else None

    @contextlib.contextmanager
    def write(self, step: int) -> Iterator[pathlib.Path]:
        """Gives a folder to fill, which then is the last checkpoint.

        Args:
            step: number of steps done, which names the checkpoint.

        Yields:
            The empty folder.

        Raises:
            OSError: if the disk is full or the folder cannot be written; the
                last checkpoint is left as it was.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / _TEMPORARY
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        target = self._folder / f"step-{step:09d}"
        shutil.rmtree(target, ignore_errors=True)
        temporary.replace(target)
        for older in sorted(self._folder.glob("step-*")):
            if older < target:
                shutil.rmtree(older, ignore_errors=True)


def write_arrays(file: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name.

    Raises:
        OSError: if the disk is full or the file cannot be written.
    """
    named: dict[str, Any] = dict(arrays)
    with file.open("wb") as stream:
        np.savez(stream, **named)
        flush(stream)


def write_json(file: pathlib.Path, content: Any) -> None:
    """Writes what JSON holds.

    Raises:
        OSError: if the disk is full or the file cannot be written.
    """
    with file.open("w") as stream:
        json.dump(content, stream)
        flush(stream)


def flush(stream: IO[Any]) -> None:
    """Has a file written by the system.

    Or a crash of the machine leaves the name without the content.
    """
    stream.flush()
    os.fsync(stream.fileno())


@contextlib.contextmanager
def reading(
    what: str, advice: str = "remove it to start again"
) -> Iterator[None]:
    """Makes one line of whatever is wrong with files while they are read.

    Args:
        what: is read, for the message.
        advice: what to do then.

    Raises:
        InputError: if something is.
    """
    try:
        yield
    except errors.InputError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise their own.
        raise errors.InputError(
            f"{what} cannot be read ({error}): {advice}"
        ) from error


def read_arrays(file: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads what `write_arrays` wrote; within `reading`."""
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def read_json(file: pathlib.Path, expected: int, what: str) -> dict[str, Any]:
    """Reads a JSON object that has a version, its `"format"`.

    Within `reading`.

    Args:
        file: the file.
        expected: the version.
        what: it is a part of, for the message.

    Raises:
        InputError: if it has another version.
    """
    content = json.loads(file.read_text())
    version = content.get("format") if isinstance(content, dict) else None
    if version != expected:
        raise errors.InputError(
            f"{what} has format {version}, expected {expected}: another "
            "version of tfmeta wrote it; remove it to start again"
        )
    return content


def assign(
    variables: Mapping[str, keras.Variable],
    values: Mapping[str, np.ndarray],
    what: str,
) -> None:
    """Sets variables to what was saved of them.

    Args:
        variables: by name.
        values: by the same names.
        what: the values are from, for the message.

    Raises:
        InputError: if they are of other variables; none is changed.
    """
    expected = {key: tuple(v.shape) for key, v in variables.items()}
    found = {key: value.shape for key, value in values.items()}
    if expected != found:
        first = min(
            key
            for key in expected.keys() | found.keys()
            if expected.get(key) != found.get(key)
        )
        raise errors.InputError(
            f"{what} is of another network or optimizer: its variable {first} "
            f"has shape {found.get(first)}, expected {expected.get(first)}"
        )
    for key, variable in variables.items():
        variable.assign(values[key])


def numbered(variables: Sequence[keras.Variable]) -> dict[str, keras.Variable]:
    """Numbers variables: the names that Keras makes up differ between runs."""
    return {f"{number:04d}": v for number, v in enumerate(variables)}

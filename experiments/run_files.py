"""Finds and reads what runs left behind: results and pictures."""

import dataclasses
import glob
import json
import pathlib
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tfmeta import errors

_RESULTS = "results.json"
# Marks a run's folder, in which other JSON files are the run's business.
_CONFIG = "config.json"
_PNG = b"\x89PNG\r\n\x1a\n"


class Picture(NamedTuple):
    """A picture that a run drew.

    Attributes:
        name: its file, relative to the run's folder.
        found: the same, relative to the folder that was searched.
        png: its content.
        width: in pixels.
        height: in pixels.
    """

    name: str
    found: str
    png: bytes
    width: int
    height: int


class Refused(NamedTuple):
    """A file that cannot be shown.

    Attributes:
        name: the file, relative to the folder that was searched.
        reason: why not.
    """

    name: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
        name: its folder, or its file where it is kept without one, relative to
            the folder that was searched.
        result: `"rows"`, `"config"`, `"versions"` and `"commit"`.
        pictures: those of the whole run, then those of single methods.
    """

    name: str
    result: Mapping[str, Any]
    pictures: tuple[Picture, ...]


def read(
    folder: pathlib.Path, check: Callable[[Any], None]
) -> tuple[list[Run], list[Refused]]:
    """Reads the results beneath a folder.

    These are files named `results.json`, and other JSON files where no run's
    folder is around them, whose pictures are kept beside `RUN.json` as
    `RUN.*.png`. Rows that stand in another run's results, too, as those of a
    study's cells do, are read once.

    Args:
        folder: where to look, at any depth.
        check: raises an `InputError` for what a file holds if that is no result
            to be shown.

    Returns:
        The runs by name, and the files that could not be read or were refused.

    Raises:
        InputError: if there is no such folder.
    """
    if not folder.is_dir():
        raise errors.InputError(f"--results={folder}: no such folder")
    runs: list[Run] = []
    refused: list[Refused] = []
    for file in _find(folder):
        name = file.relative_to(folder).as_posix()
        try:
            result = json.loads(file.read_text(encoding="utf-8"))
            check(result)
        except errors.InputError as error:
            refused.append(Refused(name, str(error)))
            continue
        except RecursionError:
            refused.append(Refused(name, "cannot be read: nested too deeply"))
            continue
        except (OSError, ValueError) as error:
            refused.append(Refused(name, f"cannot be read: {error}"))
            continue
        pictures = []
        for picture in _find_pictures(file, result):
            found = picture.relative_to(folder).as_posix()
            try:
                pictures.append(
                    Picture(
                        _picture_name(picture, file),
                        found,
                        *_read_picture(picture),
                    )
                )
            except (OSError, ValueError) as error:
                refused.append(Refused(found, f"cannot be read: {error}"))
        runs.append(Run(_run_name(file, folder), result, tuple(pictures)))
    return _without_copies(runs), refused


def _find(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the files of `folder` that may hold results, in order."""
    for file in sorted(folder.rglob("*.json")):
        inside = [
            around
            for around in file.parents
            if around == folder or folder in around.parents
        ]
        if file.name == _RESULTS or not any(
            (around / _CONFIG).exists() for around in inside
        ):
            yield file


def _run_name(file: pathlib.Path, folder: pathlib.Path) -> str:
    named = file.parent if file.name == _RESULTS else file.with_suffix("")
    return folder.name if named == folder else str(named.relative_to(folder))


def _find_pictures(
    file: pathlib.Path, result: Mapping[str, Any]
) -> list[pathlib.Path]:
    if file.name != _RESULTS:
        return sorted(file.parent.glob(f"{glob.escape(file.stem)}.*.png"))
    methods = dict.fromkeys(row["method"] for row in result["rows"])
    return sorted(file.parent.glob("*.png")) + [
        picture
        for inside in sorted(file.parent.glob("*/"))
        # A cell of a study has a folder of its own, and is a run.
        if inside.name in methods and not (inside / _RESULTS).exists()
        for picture in sorted(inside.glob("*.png"))
    ]


def _picture_name(picture: pathlib.Path, file: pathlib.Path) -> str:
    if file.name != _RESULTS:
        return picture.name.removeprefix(f"{file.stem}.")
    return picture.relative_to(file.parent).as_posix()


def _read_picture(file: pathlib.Path) -> tuple[bytes, int, int]:
    png = file.read_bytes()
    if not png.startswith(_PNG) or len(png) < 24:
        raise ValueError("not a PNG picture")
    # The first chunk's data begin with them.
    width, height = struct.unpack(">II", png[16:24])
    return png, width, height


def _without_copies(runs: list[Run]) -> list[Run]:
    """Leaves out runs whose rows all stand in another's results."""
    kept: list[tuple[Run, frozenset[str]]] = []
    for run in sorted(
        runs, key=lambda run: (-len(run.result["rows"]), -len(run.pictures))
    ):
        # Kept rows may bear their commit, which else stands beside them.
        rows = frozenset(
            json.dumps(dict(row, commit=None), sort_keys=True)
            for row in run.result["rows"]
        )
        if not any(rows <= others for _, others in kept):
            kept.append((run, rows))
    return sorted((run for run, _ in kept), key=lambda run: run.name)

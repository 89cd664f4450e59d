"""Finds and reads what runs left behind: results and pictures."""

import glob
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from experiments.run import rows
from tfmeta import errors

_RESULTS = "results.json"
# Marks a run's folder, in which no other JSON file holds results.
_CONFIG = "config.json"
_PNG = b"\x89PNG\r\n\x1a\n"

_Content = TypeVar("_Content")


class Picture(NamedTuple):
    """A picture that a run drew.

    Attributes:
        name: its file, relative to the run's folder.
        path: the same, relative to the folder that was searched.
        png: its content.
    """

    name: str
    path: str
    png: bytes


class Refused(NamedTuple):
    """A file that cannot be shown.

    Attributes:
        name: the file, relative to the folder that was searched.
        reason: why not.
    """

    name: str
    reason: str


class Run(NamedTuple):
    """What a run left behind.

    Attributes:
        name: its folder, or its file where it is kept without one, relative to
            the folder that was searched.
        result: the content of its `results.json`.
        pictures: those of the whole run, then those of single methods.
    """

    name: str
    result: Mapping[str, Any]
    pictures: Sequence[Picture]

    @property
    def rows(self) -> list[rows.Row]:
        """The rows."""
        return self.result["rows"]

    @property
    def methods(self) -> list[str]:
        """The methods, in their order."""
        return list(dict.fromkeys(row["method"] for row in self.rows))

    @property
    def seed(self) -> int:
        """The seed, or the first one of a study of several."""
        return self.rows[0]["seed"]


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
    refused: list[Refused] = []

    def relative(file: pathlib.Path) -> str:
        name = file.relative_to(folder).as_posix()
        return folder.name if name == "." else name

    def attempt(
        file: pathlib.Path, read_file: Callable[[pathlib.Path], _Content]
    ) -> list[_Content]:
        try:
            return [read_file(file)]
        except errors.InputError as error:
            reason = str(error)
        except RecursionError:
            reason = "cannot be read: nested too deeply"
        except (OSError, ValueError) as error:
            reason = f"cannot be read: {error}"
        refused.append(Refused(relative(file), reason))
        return []

    def read_run(file: pathlib.Path) -> Run:
        result = json.loads(file.read_text(encoding="utf-8"))
        check(result)
        in_folder = file.name == _RESULTS
        name = file.parent if in_folder else file.with_suffix("")
        if in_folder:
            pictures = _find_pictures(file.parent, result)
        else:
            start = glob.escape(file.stem)
            pictures = {
                picture: picture.name.removeprefix(f"{file.stem}.")
                for picture in sorted(file.parent.glob(f"{start}.*.png"))
            }
        return Run(
            relative(name),
            result,
            [
                Picture(inside, relative(picture), png)
                for picture, inside in pictures.items()
                for png in attempt(picture, _read_picture)
            ],
        )

    runs = [run for file in _find(folder) for run in attempt(file, read_run)]
    return _without_copies(runs), refused


def _find(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the files of `folder` that may hold results, in order."""
    for file in sorted(folder.rglob("*.json")):
        around = file.relative_to(folder).parents
        if file.name == _RESULTS or not any(
            (folder / inside / _CONFIG).exists() for inside in around
        ):
            yield file


def _find_pictures(
    folder: pathlib.Path, result: Mapping[str, Any]
) -> dict[pathlib.Path, str]:
    """Returns a run's pictures with their names."""
    methods = {row["method"] for row in result["rows"]}
    pictures = sorted(folder.glob("*.png")) + [
        picture
        for picture in sorted(folder.glob("*/*.png"))
        # A cell of a study has a folder of its own, and is a run.
        if picture.parent.name in methods
        and not (picture.parent / _RESULTS).exists()
    ]
    return {
        picture: picture.relative_to(folder).as_posix() for picture in pictures
    }


def _read_picture(file: pathlib.Path) -> bytes:
    png = file.read_bytes()
    if not png.startswith(_PNG) or len(png) < 24:
        raise ValueError("not a PNG picture")
    return png


def _without_copies(runs: list[Run]) -> list[Run]:
    """Leaves out runs whose rows all stand in another's results."""
    kept: list[tuple[Run, frozenset[str]]] = []
    for run in sorted(runs, key=lambda r: (-len(r.rows), -len(r.pictures))):
        texts = frozenset(json.dumps(row, sort_keys=True) for row in run.rows)
        if not any(texts <= others for _, others in kept):
            kept.append((run, texts))
    return sorted((run for run, _ in kept), key=lambda run: run.name)

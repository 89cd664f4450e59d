"""Holds the imports against the order of the rooms.

The table `[tool.rooms]` of `pyproject.toml` lists the rooms, lowest first: a
module imports from its own room and from lower ones. Modules of one room may
import one another, but not in a circle.
"""

import graphlib
import itertools
import pathlib
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tools import imports, target_deps


class Rooms(NamedTuple):
    """The order of the rooms.

    A room is a file (`tfmeta/errors.py`), a folder with all below it
    (`tfmeta/tasks`) or the Python files of a folder alone (`experiments/*.py`).
    A file is in the room that names it most closely.

    Attributes:
        levels: how high each room lies. Rooms of one level do not import one
            another.
        only: for rooms that may not import from all that lies below them, the
            rooms that they may import from.
    """

    levels: Mapping[str, int]
    only: Mapping[str, tuple[str, ...]]

    def find(self, file: pathlib.Path) -> str | None:
        """Returns the room that a file is in, None if it is in none."""
        folder = file.parent
        for name in (file, folder / "*.py", *file.parents):
            if name.as_posix() in self.levels:
                return name.as_posix()
        return None

    def allows(self, room: str, other: str) -> bool:
        """Whether what is in `room` may import what is in `other`."""
        if room == other:
            return True
        if self.levels[other] >= self.levels[room]:
            return False
        return room not in self.only or other in self.only[room]


def read_rooms(root: pathlib.Path) -> Rooms:
    """Reads the table `[tool.rooms]`.

    Its `order` lists the rooms, lowest first; a list in it is a level of rooms
    that do not import one another. Its `only` is that of `Rooms`.

    Args:
        root: the checkout.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)["tool"]["rooms"]
    levels: dict[str, int] = {}
    for level, entry in enumerate(table["order"]):
        for room in [entry] if isinstance(entry, str) else entry:
            levels[room] = level
    only = {room: tuple(names) for room, names in table.get("only", {}).items()}
    return Rooms(levels, only)


def check_order(root: pathlib.Path) -> list[str]:
    """Checks which rooms the imports lead to.

    Imports for the type checker alone count, too.

    Args:
        root: the checkout.

    Returns:
        What is wrong, one line each: files in no room, imports of a room that
        is not below, and circles.
    """
    rooms = read_rooms(root)
    problems = []
    within: dict[pathlib.Path, set[pathlib.Path]] = {}
    for file in target_deps.list_files(root):
        room = rooms.find(file)
        if room is None:
            problems.append(f"{file}: not in the order of the rooms")
            continue
        for line, module, _ in imports.read_imports(root, file):
            other = rooms.find(module)
            if other == room and module != file:
                within.setdefault(file, set()).add(module)
            elif other is not None and not rooms.allows(room, other):
                problems.append(
                    f"{file}:{line}: imports {module}, but {room} may not "
                    f"import from {other}"
                )
    problems.extend(
        f"imports go in a circle: {' -> '.join(map(str, circle))}"
        for circle in _find_circles(within)
    )
    return problems


def _find_circles(
    graph: dict[pathlib.Path, set[pathlib.Path]],
) -> Iterator[list[pathlib.Path]]:
    """Yields circles, no two with an edge in common, till no more are left."""
    while True:
        try:
            graphlib.TopologicalSorter(
                {file: sorted(modules) for file, modules in graph.items()}
            ).prepare()
        except graphlib.CycleError as error:
            # Each of its nodes is imported by the next.
            circle = error.args[1][::-1]
            yield circle
            for file, module in itertools.pairwise(circle):
                graph[file].remove(module)
        else:
            return

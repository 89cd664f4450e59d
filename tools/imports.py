"""Reads which modules of ours a Python file imports."""

import ast
import pathlib
from collections.abc import Iterator
from typing import NamedTuple


class Import(NamedTuple):
    """A line of a file that imports a module of ours.

    Attributes:
        line: the number of the line.
        module: the imported file, relative to the checkout.
        runs: whether the program imports it, and not only the type checker
            (under `if TYPE_CHECKING:`).
    """

    line: int
    module: pathlib.Path
    runs: bool


def read_imports(root: pathlib.Path, source: pathlib.Path) -> list[Import]:
    """Reads which of our modules a Python file imports.

    Args:
        root: the checkout.
        source: the Python file, relative to it.

    Returns:
        The imports of files that are in the checkout.
    """
    tree = ast.parse((root / source).read_text(encoding="utf-8"))
    imports = []
    for node, runs in _walk(tree, runs=True):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            module = _find_module(root, name)
            if module is not None:
                imports.append(Import(node.lineno, module, runs))
    return imports


def _find_module(root: pathlib.Path, name: str) -> pathlib.Path | None:
    """Returns the file of `a.b.c`, a module or what module `a.b` defines."""
    path = name.replace(".", "/")
    for stem in (path, path.rpartition("/")[0]):
        for file in (f"{stem}.py", f"{stem}/__init__.py"):
            if stem and (root / file).exists():
                return pathlib.Path(file)
    return None


def _walk(node: ast.AST, *, runs: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        typed = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(
            child.test
        )
        yield child, runs
        yield from _walk(child, runs=runs and not typed)

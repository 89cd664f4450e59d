"""Holds the BUILD files against the imports.

`python tools/check_deps.py` prints a line for each Python file that is in no
target, for each import that a target's `deps` lack and for each of its `deps`
that nothing imports, and exits with status 1 if there are any. With them true,
editing a module runs the tests of what depends on it, all and only them.

A dependency that is not imported, but run as a program, say, bears the comment
`# keep` on its line.
"""

import argparse
import ast
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_RULES = ("py_binary", "py_library", "py_test")
_FOLDERS = ("experiments", "tests", "tfmeta", "tools")


class Target(NamedTuple):
    """A Python target of a BUILD file.

    Attributes:
        build: the BUILD file, relative to the checkout.
        label: the absolute label, as `//tfmeta/tasks:episodes`.
        sources: the Python files, relative to the checkout.
        deps: the absolute labels of what it depends on.
        kept: those of `deps` that are marked to be kept.
    """

    build: pathlib.Path
    label: str
    sources: tuple[pathlib.Path, ...]
    deps: tuple[str, ...]
    kept: frozenset[str]


class Import(NamedTuple):
    """A module of ours that a line of a file imports."""

    line: int
    module: pathlib.Path


def read_targets(root: pathlib.Path, build: pathlib.Path) -> list[Target]:
    """Reads the Python targets of one BUILD file.

    Args:
        root: the checkout.
        build: the BUILD file, relative to it.

    Returns:
        The targets whose attributes are literals, as all of ours are.

    Raises:
        ValueError: an attribute is not a literal.
    """
    text = (root / build).read_text(encoding="utf-8")
    lines = text.splitlines()
    package = build.parent.as_posix().removeprefix(".")
    targets = []
    for call in ast.walk(ast.parse(text)):
        if (
            not isinstance(call, ast.Call)
            or not isinstance(call.func, ast.Name)
            or call.func.id not in _RULES
        ):
            continue
        arguments = {word.arg: word.value for word in call.keywords}
        deps: dict[str, bool] = {}
        for dep in getattr(arguments.get("deps"), "elts", ()):
            label = _absolute_label(ast.literal_eval(dep), package)
            deps[label] = "# keep" in lines[dep.lineno - 1]
        targets.append(
            Target(
                build=build,
                label=f"//{package}:{ast.literal_eval(arguments['name'])}",
                sources=tuple(
                    build.parent / source
                    for source in ast.literal_eval(arguments["srcs"])
                ),
                deps=tuple(deps),
                kept=frozenset(label for label, kept in deps.items() if kept),
            )
        )
    return targets


def read_imports(root: pathlib.Path, source: pathlib.Path) -> list[Import]:
    """Reads which of our modules a Python file imports.

    Imports under `if TYPE_CHECKING:` are for the type checker alone and do not
    count.

    Args:
        root: the checkout.
        source: the Python file, relative to it.

    Returns:
        The imports of files that are in the checkout.
    """
    tree = ast.parse((root / source).read_text(encoding="utf-8"))
    imports = []
    for node in _walk_running_code(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            module = _find_module(root, name)
            if module is not None:
                imports.append(Import(node.lineno, module))
    return imports


def check(root: pathlib.Path) -> list[str]:
    """Compares all BUILD files with the imports.

    Args:
        root: the checkout.

    Returns:
        What is wrong, one line each.
    """
    targets = [
        target
        for folder in _FOLDERS
        for build in sorted((root / folder).rglob("BUILD"))
        for target in read_targets(root, build.relative_to(root))
    ]
    owners: dict[pathlib.Path, set[str]] = {}
    for target in targets:
        for source in target.sources:
            owners.setdefault(source, set()).add(target.label)
    problems = [
        f"{source}: in no target of a BUILD file"
        for folder in _FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
        if (source := path.relative_to(root)) not in owners
    ]
    for target in targets:
        problems.extend(_check_target(root, target, owners))
    return problems


def _check_target(
    root: pathlib.Path,
    target: Target,
    owners: dict[pathlib.Path, set[str]],
) -> Iterator[str]:
    allowed = set(target.kept)
    for source in target.sources:
        if not (root / source).exists():
            yield f"{target.build}: {target.label}: no file {source}"
            continue
        for line, module in read_imports(root, source):
            labels = owners.get(module, set())
            allowed |= labels
            for folder in module.parents:
                # Importing a module also runs the packages that it is in.
                allowed |= owners.get(folder / "__init__.py", set())
            if labels and not labels & {target.label, *target.deps}:
                yield (
                    f"{target.build}: {target.label} lacks the dependency "
                    f"{min(labels)}: {source}:{line} imports it"
                )
    if any(source.name == "__init__.py" for source in target.sources):
        # A package gathers its modules, imported or not.
        return
    for dep in target.deps:
        if dep not in allowed:
            yield (
                f"{target.build}: {target.label} does not import its "
                f"dependency {dep}"
            )


def _absolute_label(label: str, package: str) -> str:
    if label.startswith(":"):
        return f"//{package}{label}"
    if ":" not in label:
        return f"{label}:{label.rpartition('/')[2]}"
    return label


def _find_module(root: pathlib.Path, name: str) -> pathlib.Path | None:
    """Returns the file of `a.b.c`, a module or what module `a.b` defines."""
    path = name.replace(".", "/")
    for stem in (path, path.rpartition("/")[0]):
        for file in (f"{stem}.py", f"{stem}/__init__.py"):
            if stem and (root / file).exists():
                return pathlib.Path(file)
    return None


def _walk_running_code(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(
            child.test
        ):
            continue
        yield child
        yield from _walk_running_code(child)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what is wrong and returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Holds the BUILD files against the imports."
    )
    parser.add_argument(
        "root",
        nargs="?",
        type=pathlib.Path,
        default=pathlib.Path(__file__).resolve().parent.parent,
        help="the checkout; this file's by default",
    )
    problems = check(parser.parse_args(arguments).root)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())

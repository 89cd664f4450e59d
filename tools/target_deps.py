"""What the targets of the BUILD files must depend on, by their imports."""

import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tools import build_files, imports

# The folders with Python targets.
FOLDERS = ("experiments", "tests", "tfmeta", "tools")

# The targets that a file is a source of, by file.
Owners = Mapping[pathlib.Path, frozenset[str]]


class Need(NamedTuple):
    """Targets of which a target needs one.

    Attributes:
        labels: any of these will do.
        reason: why, as a line says it to whoever reads it.
    """

    labels: frozenset[str]
    reason: str


def read_build_files(root: pathlib.Path) -> list[build_files.BuildFile]:
    """Reads all BUILD files of a checkout that may have Python targets."""
    return [
        build_files.BuildFile(
            path.relative_to(root), path.read_text(encoding="utf-8")
        )
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("BUILD"))
    ]


def find_owners(targets: Iterable[build_files.Target]) -> Owners:
    """Returns the labels of the targets that each file is a source of."""
    owners: dict[pathlib.Path, frozenset[str]] = {}
    for target in targets:
        for source in target.sources:
            owners[source] = owners.get(source, frozenset()) | {target.label}
    return owners


def list_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the Python files of a checkout, relative to it."""
    return [
        path.relative_to(root)
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
    ]


def list_orphans(root: pathlib.Path, owners: Owners) -> list[pathlib.Path]:
    """Returns the Python files that are in no target, relative to `root`."""
    return [file for file in list_files(root) if file not in owners]


def find_hidden(
    targets: Iterable[build_files.Target],
) -> list[build_files.Target]:
    """Returns those that another package depends on but may not."""
    targets = list(targets)
    needed = {
        dep
        for target in targets
        for dep in target.deps
        if dep.partition(":")[0] != target.label.partition(":")[0]
    }
    return [
        target
        for target in targets
        if target.label in needed and not target.is_visible
    ]


def find_needs(
    root: pathlib.Path, target: build_files.Target, owners: Owners
) -> Iterator[Need]:
    """Finds what a target must depend on.

    A module needs what it imports when it runs. A package needs its imports for
    the type checker, too: they name what it loads when it is first used. A
    command needs the packages that it is in, for Bazel would put empty ones in
    their place.

    Args:
        root: the checkout.
        target: the target.
        owners: the targets of each file.

    Yields:
        The needs, one for each line that imports a module of another target.
    """
    for source in target.sources:
        if not (root / source).exists():
            continue
        for line, module, runs in imports.read_imports(root, source):
            labels = owners.get(module, frozenset())
            if labels and (runs or target.is_package):
                yield Need(labels, f"{source}:{line} imports it")
        if target.rule == "py_binary":
            for labels in _find_packages(source, owners):
                yield Need(labels, f"{source} is a command of that package")


def find_allowed(
    root: pathlib.Path, target: build_files.Target, owners: Owners
) -> frozenset[str]:
    """Returns what a target may depend on: its needs and their packages."""
    allowed = set(target.kept)
    for need in find_needs(root, target, owners):
        allowed |= need.labels
    for source in target.sources:
        if (root / source).exists():
            for _, module, _ in imports.read_imports(root, source):
                # Importing a module also runs the packages that it is in.
                for labels in _find_packages(module, owners):
                    allowed |= labels
    return frozenset(allowed)


def _find_packages(
    source: pathlib.Path, owners: Owners
) -> Iterator[frozenset[str]]:
    for folder in source.parents:
        labels = owners.get(folder / "__init__.py")
        if labels:
            yield labels

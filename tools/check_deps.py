"""Holds the BUILD files against the imports.

`python tools/check_deps.py` prints a line for each Python file that is in no
target, for each import that a target's `deps` lack and for each of its `deps`
that nothing imports or that it may not see, and exits with status 1 if there
are any. With them true, editing a module runs the tests of what depends on it,
all and only them.

With `--fix`, it first writes the targets and their `deps` itself.

It also prints a line for each import of a room that is not below the importing
one in the table `[tool.rooms]` of `pyproject.toml`, and for each circle of
imports.

A dependency that is not imported, but run as a program, say, bears the comment
`# keep` on its line.
"""

import argparse
import pathlib
import sys
from collections.abc import Iterator, Sequence

# This file is run as it is, too, and then finds its own folder alone.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tools import build_files, fix_deps, room_order, target_deps


def check(root: pathlib.Path) -> list[str]:
    """Compares all BUILD files with the imports.

    Args:
        root: the checkout.

    Returns:
        What is wrong, one line each.
    """
    targets = [
        target
        for build in target_deps.read_build_files(root)
        for target in build.targets
    ]
    owners = target_deps.find_owners(targets)
    problems = [
        f"{source}: in no target of a BUILD file"
        for source in target_deps.list_orphans(root, owners)
    ]
    problems += [
        f"{target.build}: {target.label} is there twice"
        for number, target in enumerate(targets)
        if any(target.label == other.label for other in targets[:number])
    ]
    for target in targets:
        problems.extend(_check_target(root, target, owners))
    problems += [
        f"{target.build}: {target.label} is not visible to the packages that "
        "depend on it"
        for target in target_deps.find_hidden(targets)
    ]
    return problems


def _check_target(
    root: pathlib.Path, target: build_files.Target, owners: target_deps.Owners
) -> Iterator[str]:
    for source in target.sources:
        if not (root / source).exists():
            yield f"{target.build}: {target.label}: no file {source}"
    for labels, reason in target_deps.find_needs(root, target, owners):
        if not labels & {target.label, *target.deps}:
            yield (
                f"{target.build}: {target.label} lacks the dependency "
                f"{min(labels)}: {reason}"
            )
    allowed = target_deps.find_allowed(root, target, owners)
    known = frozenset[str]().union(*owners.values())
    for dep in target.deps:
        if dep not in allowed:
            yield (
                f"{target.build}: {target.label} does not import its "
                f"dependency {dep}"
            )
        elif dep not in known:
            yield f"{target.build}: {target.label}: no target {dep}"


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
    parser.add_argument(
        "--fix",
        action="store_true",
        help="write the targets and their deps from the Python files first",
    )
    options = parser.parse_args(arguments)
    if options.fix:
        for note in fix_deps.fix(options.root):
            print(note)
    problems = check(options.root)
    if (options.root / "pyproject.toml").exists():
        problems += room_order.check_order(options.root)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())

"""Writes the Python targets of the BUILD files from the Python files."""

import ast
import pathlib

from tools import build_files, target_deps

_PACKAGE = 'package(default_visibility = ["//visibility:public"])\n'

# What a target's files take along when they move: it names no other file.
_MOVABLE = ("size", "timeout", "testonly", "flaky", "shard_count", "tags")

_TESTS_ONLY = '["//tests:__subpackages__"]'

_Builds = dict[pathlib.Path, build_files.BuildFile]


def fix(root: pathlib.Path) -> list[str]:
    """Makes the BUILD files agree with the Python files and their imports.

    Files that are gone leave their targets, and targets without a file go;
    files in no target get one; `deps` are what is imported and what is marked
    `# keep`. All else stays as it is.

    Args:
        root: the checkout.

    Returns:
        The targets that came and went, with the attributes that are lost with
        them, one line each.
    """
    builds = {build.path: build for build in target_deps.read_build_files(root)}
    before = {path: build.text for path, build in builds.items()}
    removed = _remove_targets(root, builds)
    added, notes = _add_targets(root, builds, removed)
    notes += [
        _describe_removal(target, added.get(target.label)) for target in removed
    ]
    _set_deps(root, builds)
    _show_test_libraries(builds)
    for path, build in builds.items():
        build.set_load()
        if build.text == before.get(path):
            continue
        if build.has_content():
            (root / path).write_text(build.text, encoding="utf-8")
        else:
            (root / path).unlink()
            notes.append(f"{path}: removed, for no target is left in it")
    return notes


def _remove_targets(
    root: pathlib.Path, builds: _Builds
) -> list[build_files.Target]:
    removed = []
    for build in builds.values():
        for target in build.targets:
            gone = [
                source.name
                for source in target.sources
                if not (root / source).exists()
            ]
            if len(gone) == len(target.sources):
                build.remove_target(target.name)
                removed.append(target)
            elif gone:
                build.remove_sources(target.name, gone)
    return removed


def _add_targets(
    root: pathlib.Path, builds: _Builds, removed: list[build_files.Target]
) -> tuple[dict[str, str], list[str]]:
    """Gives a target to each file that has none.

    Args:
        root: the checkout.
        builds: the BUILD files, to which more may be added.
        removed: the targets whose files are gone, perhaps to another folder.

    Returns:
        The labels of new targets by those of removed ones whose file has moved
        there, and a line for each new target.
    """
    targets = [target for build in builds.values() for target in build.targets]
    orphans = target_deps.list_orphans(root, target_deps.find_owners(targets))
    moved, notes = {}, []
    for source in orphans:
        path = source.parent / "BUILD"
        if path not in builds:
            text = "" if source.parts[0] == "tests" else _PACKAGE
            builds[path] = build_files.BuildFile(path, text)
        build = builds[path]
        rule, attributes = _describe_target(root, source)
        name = ast.literal_eval(attributes["name"])
        if name in build.names:
            notes.append(f"{path}: {name} is taken: no target for {source}")
            continue
        old = [
            target
            for target in removed
            if source.name in {path.name for path in target.sources}
        ]
        label = f"//{build.package}:{name}"
        namesakes = [other for other in orphans if other.name == source.name]
        if (
            len(old) == len(namesakes) == len(old[0].sources) == 1
            and source.name != "__init__.py"
        ):
            rule = old[0].rule
            attributes |= {
                key: value
                for key, value in old[0].attributes.items()
                if key in _MOVABLE
            }
            moved[old[0].label] = label
        build.add_target(rule, attributes)
        notes.append(f"{path}: added {rule} {label}")
    return moved, notes


def _describe_target(
    root: pathlib.Path, source: pathlib.Path
) -> tuple[str, dict[str, str]]:
    """Returns the rule and the attributes of a file's new target."""
    is_package = source.name == "__init__.py"
    attributes = {
        "name": f'"{source.parent.name if is_package else source.stem}"',
        "srcs": f'["{source.name}"]',
    }
    if source.stem.endswith("_test"):
        return "py_test", attributes | {"size": '"small"'}
    if source.parts[0] == "tests":
        return "py_library", attributes | {
            "testonly": "True",
            "visibility": _TESTS_ONLY,
        }
    tree = ast.parse((root / source).read_text(encoding="utf-8"))
    is_command = any(
        isinstance(statement, ast.If)
        and "__name__" in ast.unparse(statement.test)
        for statement in tree.body
    )
    return "py_binary" if is_command else "py_library", attributes


def _describe_removal(target: build_files.Target, new: str | None) -> str:
    line = f"{target.build}: removed {target.rule} {target.label}"
    taken = [key for key in target.attributes if new and key in _MOVABLE]
    lost = [
        f"{key} = {' '.join(value.split())}"
        for key, value in target.attributes.items()
        if key not in ("name", "srcs", "deps", *taken)
    ]
    lost += [f"dep {label}  # keep" for label in sorted(target.kept)]
    if taken:
        line += f"; {', '.join(taken)} moved to {new}"
    if lost:
        line += f"; LOST, write it by hand: {', '.join(lost)}"
    return line


def _set_deps(root: pathlib.Path, builds: _Builds) -> None:
    targets = [target for build in builds.values() for target in build.targets]
    owners = target_deps.find_owners(targets)
    for target in targets:
        deps = set(target.deps) & target_deps.find_allowed(root, target, owners)
        for need in target_deps.find_needs(root, target, owners):
            if not need.labels & {target.label, *deps}:
                deps.add(min(need.labels))
        builds[target.build].set_deps(target.name, deps)


def _show_test_libraries(builds: _Builds) -> None:
    """Lets all tests see what one of another package depends on."""
    targets = [target for build in builds.values() for target in build.targets]
    for target in target_deps.find_hidden(targets):
        if target.build.parts[0] == "tests":
            builds[target.build].set_visibility(target.name, _TESTS_ONLY)

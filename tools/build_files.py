"""Reads and rewrites the Python targets of BUILD files."""

import ast
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

RULES = ("py_binary", "py_library", "py_test", "py_tests")

_LOAD = "//tools:python.bzl"
_INDENT = "    "

# The attributes that buildifier puts before all others.
_FIRST = ("name", "size", "timeout", "testonly", "srcs")


class Target(NamedTuple):
    """A Python target of a BUILD file.

    Attributes:
        build: the BUILD file, relative to the checkout.
        rule: one of `RULES`.
        label: the absolute label, as `//tfmeta/tasks:episodes`.
        sources: the Python files, relative to the checkout.
        deps: the absolute labels of what it depends on, in the file's order.
        kept: those of `deps` that are marked `# keep`.
        attributes: the text of each attribute's value, by name.
        is_visible: whether other packages may depend on it.
    """

    build: pathlib.Path
    rule: str
    label: str
    sources: tuple[pathlib.Path, ...]
    deps: tuple[str, ...]
    kept: frozenset[str]
    attributes: dict[str, str]
    is_visible: bool

    @property
    def name(self) -> str:
        """The label's last part."""
        return self.label.rpartition(":")[2]

    @property
    def is_package(self) -> bool:
        """Whether it is a package's `__init__.py`."""
        return any(source.name == "__init__.py" for source in self.sources)


class BuildFile:
    """The Python targets of one BUILD file, to be read and changed.

    What is not changed keeps its text, comments and all. A change is an edit of
    `text`; `targets` are those of the text as it is now.
    """

    def __init__(self, path: pathlib.Path, text: str):
        """Takes the file's text.

        Args:
            path: the file, relative to the checkout.
            text: what it says, or will.
        """
        self.path = path
        self.text = text

    @property
    def package(self) -> str:
        """The package that the file makes of its folder, as `tfmeta/tasks`."""
        return self.path.parent.as_posix().removeprefix(".")

    @property
    def targets(self) -> list[Target]:
        """The targets, in the file's order.

        Raises:
            ValueError: an attribute is not a literal, as all of ours are.
        """
        return [self._read_target(call) for call in self._calls()]

    @property
    def names(self) -> set[str]:
        """The names of all targets, those of other rules, too."""
        return {
            ast.literal_eval(keyword.value)
            for node in ast.walk(ast.parse(self.text))
            if isinstance(node, ast.Call)
            for keyword in node.keywords
            if keyword.arg == "name"
        }

    def set_deps(self, name: str, deps: Collection[str]) -> None:
        """Writes what a target depends on, sorted as buildifier does.

        Args:
            name: the target's name.
            deps: absolute labels.
        """
        call = self._find_call(name)
        keyword = _keywords(call).get("deps")
        labels = self._sort(deps)
        if labels == list(self._read_target(call).deps):
            return
        if keyword is None:
            self._append_attribute(call, self._format_deps(labels, {}))
        elif labels:
            text = self._format_deps(labels, self._comments(keyword))
            self._replace(*self._span(keyword), text)
        else:
            self._remove_attribute(call, keyword)

    def set_visibility(self, name: str, visibility: str) -> None:
        """Says who may depend on a target that did not say it.

        Args:
            name: the target's name.
            visibility: the text of the attribute's value.
        """
        call = self._find_call(name)
        # Buildifier has it before the dependencies.
        after = [key for key in call.keywords if key.arg != "deps"][-1]
        _, end = self._span(after)
        self._replace(end, end, f",\n{_INDENT}visibility = {visibility}")

    def remove_sources(self, name: str, sources: Collection[str]) -> None:
        """Removes some of the files of a target that has several.

        Args:
            name: the target's name.
            sources: names of files, as in the target's `srcs`.
        """
        keyword = _keywords(self._find_call(name))["srcs"]
        left = [
            f"{_INDENT * 2}{ast.unparse(source)},\n".replace("'", '"')
            for source in getattr(keyword.value, "elts", ())
            if ast.literal_eval(source) not in sources
        ]
        text = f"srcs = [\n{''.join(left)}{_INDENT}]"
        if len(left) == 1:
            text = f"srcs = [{left[0].strip().rstrip(',')}]"
        self._replace(*self._span(keyword), text)

    def remove_target(self, name: str) -> None:
        """Removes a target with the comment above it."""
        lines = self.text.splitlines(keepends=True)
        call = self._find_call(name)
        first, last = call.lineno - 1, call.end_lineno or call.lineno
        while first and lines[first - 1].startswith("#"):
            first -= 1
        if last < len(lines) and not lines[last].strip():
            last += 1
        self.text = "".join(lines[:first] + lines[last:]).rstrip("\n") + "\n"

    def add_target(self, rule: str, attributes: Mapping[str, str]) -> None:
        """Adds a target, in alphabetical order where the file has one.

        Args:
            rule: one of `RULES`.
            attributes: the text of each attribute's value, by name.
        """
        name = ast.literal_eval(attributes["name"])
        first = [key for key in _FIRST if key in attributes]
        body = "".join(
            f"{_INDENT}{key} = {attributes[key]},\n"
            for key in (*first, *sorted({*attributes} - {*first}))
        )
        block = f"{rule}(\n{body})\n"
        lines = self.text.splitlines(keepends=True)
        before = after = None
        for call in self._calls():
            target = self._read_target(call)
            # A package's own target comes first.
            if target.is_package or target.name < name:
                before = call
            elif after is None:
                after = call
        if before is not None:
            lines.insert(before.end_lineno or before.lineno, f"\n{block}")
        elif after is not None:
            at = after.lineno - 1
            while at and lines[at - 1].startswith("#"):
                at -= 1
            lines.insert(at, f"{block}\n")
        else:
            lines.append(f"\n{block}" if lines else block)
        self.text = "".join(lines)

    def set_load(self) -> None:
        """Makes the file load the rules that it uses, and no other."""
        used = sorted({ast.unparse(call.func) for call in self._calls()})
        names = "".join(f', "{rule}"' for rule in used)
        line = f'load("{_LOAD}"{names})\n'
        for call in ast.walk(ast.parse(self.text)):
            if (
                isinstance(call, ast.Call)
                and ast.unparse(call.func) == "load"
                and ast.literal_eval(call.args[0]) == _LOAD
            ):
                if used == [ast.literal_eval(name) for name in call.args[1:]]:
                    return
                lines = self.text.splitlines(keepends=True)
                last = call.end_lineno or call.lineno
                if not used and last < len(lines) and not lines[last].strip():
                    last += 1
                lines[call.lineno - 1 : last] = [line] if used else []
                self.text = "".join(lines)
                return
        if used:
            self.text = f"{line}\n{self.text}" if self.text.strip() else line

    def has_content(self) -> bool:
        """Whether it says more than `load` and `package`."""
        return any(
            not isinstance(statement, ast.Expr)
            or not isinstance(statement.value, ast.Call)
            or ast.unparse(statement.value.func) not in ("load", "package")
            for statement in ast.parse(self.text).body
        )

    def _calls(self) -> list[ast.Call]:
        calls = [
            node
            for node in ast.walk(ast.parse(self.text))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in RULES
        ]
        return sorted(calls, key=lambda call: call.lineno)

    def _find_call(self, name: str) -> ast.Call:
        for call in self._calls():
            if ast.literal_eval(_keywords(call)["name"].value) == name:
                return call
        raise KeyError(f"{self.path}: no target {name}")

    def _read_target(self, call: ast.Call) -> Target:
        keywords = _keywords(call)
        values = {name: keyword.value for name, keyword in keywords.items()}
        lines = self.text.splitlines()
        deps: dict[str, bool] = {}
        for dep in getattr(values.get("deps"), "elts", ()):
            label = _absolute_label(ast.literal_eval(dep), self.package)
            deps[label] = "# keep" in lines[dep.lineno - 1]
        name = ast.literal_eval(values["name"])
        return Target(
            build=self.path,
            rule=ast.unparse(call.func),
            label=f"//{self.package}:{name}",
            sources=tuple(
                self.path.parent / source
                for source in ast.literal_eval(values["srcs"])
            ),
            deps=tuple(deps),
            kept=frozenset(label for label, kept in deps.items() if kept),
            attributes={
                name: ast.get_source_segment(self.text, value) or ""
                for name, value in values.items()
            },
            is_visible="visibility" in values
            or "default_visibility" in self.text,
        )

    def _sort(self, labels: Collection[str]) -> list[str]:
        """Sorts absolute labels: this package's first, then part by part."""

        def key(label: str) -> tuple[bool, list[str]]:
            short = _short_label(label, self.package)
            return not short.startswith(":"), short.replace(":", ".").split(".")

        return sorted(labels, key=key)

    def _format_deps(
        self, labels: Sequence[str], comments: Mapping[str, "_Comments"]
    ) -> str:
        lines = []
        for label in labels:
            above, beside = comments.get(label, _NO_COMMENTS)
            short = _short_label(label, self.package)
            lines.append(f'{above}{_INDENT * 2}"{short}",{beside}\n')
        if len(lines) == 1 and lines[0].endswith('",\n'):
            return f"deps = [{lines[0].strip().rstrip(',')}]"
        return f"deps = [\n{''.join(lines)}{_INDENT}]"

    def _comments(self, keyword: ast.keyword) -> dict[str, "_Comments"]:
        """Returns the comments in the list of `deps`, by absolute label."""
        lines = self.text.splitlines()
        comments = {}
        for dep in getattr(keyword.value, "elts", ()):
            first = dep.lineno - 1
            while lines[first - 1].startswith(f"{_INDENT}{_INDENT}#"):
                first -= 1
            above = "".join(
                f"{line}\n" for line in lines[first : dep.lineno - 1]
            )
            _, hash_sign, beside = lines[dep.lineno - 1].partition("  #")
            if above or hash_sign:
                label = _absolute_label(ast.literal_eval(dep), self.package)
                comments[label] = _Comments(above, hash_sign + beside)
        return comments

    def _append_attribute(self, call: ast.Call, text: str) -> None:
        _, end = self._span(call.keywords[-1])
        _, closed = self._span(call)
        tail = self.text.encode()[end : closed - 1].decode()
        if tail.startswith(",") and tail.endswith("\n"):
            self._replace(closed - 1, closed - 1, f"{_INDENT}{text},\n")
        else:
            self._replace(end, end, f", {text}")

    def _remove_attribute(self, call: ast.Call, keyword: ast.keyword) -> None:
        lines = self.text.splitlines(keepends=True)
        first, last = keyword.lineno - 1, keyword.end_lineno or keyword.lineno
        if not lines[first][: keyword.col_offset].strip():
            self.text = "".join(lines[:first] + lines[last:])
        else:
            before = call.keywords[call.keywords.index(keyword) - 1]
            self._replace(self._span(before)[1], self._span(keyword)[1], "")

    def _span(self, node: ast.Call | ast.keyword) -> tuple[int, int]:
        """Returns where in the text's bytes a node begins and ends."""
        starts = [0]
        for line in self.text.encode().splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return (
            starts[node.lineno - 1] + node.col_offset,
            starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0),
        )

    def _replace(self, start: int, end: int, text: str) -> None:
        data = self.text.encode()
        self.text = (data[:start] + text.encode() + data[end:]).decode()


class _Comments(NamedTuple):
    """The comment lines above an entry of a list, and the one beside it."""

    above: str
    beside: str


_NO_COMMENTS = _Comments("", "")


def _keywords(call: ast.Call) -> dict[str, ast.keyword]:
    return {
        keyword.arg: keyword
        for keyword in call.keywords
        if keyword.arg is not None
    }


def _absolute_label(label: str, package: str) -> str:
    if label.startswith(":"):
        return f"//{package}{label}"
    if ":" not in label:
        return f"{label}:{label.rpartition('/')[2]}"
    return label


def _short_label(label: str, package: str) -> str:
    folder, _, name = label.partition(":")
    if folder == f"//{package}":
        return f":{name}"
    if folder.rpartition("/")[2] == name:
        return folder
    return label

"""The tables of a page of prose, in Markdown."""

import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from experiments.benchmarks import multitask_report, report
from experiments.reporting import checks, tables
from experiments.run import contract, groups, printed
from tfmeta import errors

BLOCK = re.compile(
    r"(?P<begin><!-- begin (?P<kind>\S+) (?P<folder>\S+) -->).*?"
    r"(?P<end><!-- end -->)",
    re.DOTALL,
)
_BENCHMARKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "maml_step": report.markdown,
    "multitask_step": multitask_report.markdown,
}
_GROUPS: dict[str, Callable[[list[groups.Group]], str]] = {
    "results": tables.results,
    "settings": tables.settings,
}
_STUDY = "study"


def fill(
    page: str, results: pathlib.Path, commands: Mapping[str, contract.Command]
) -> str:
    """Returns a page with its blocks made anew.

    A block lies between `<!-- begin KIND FOLDER -->` and `<!-- end -->`. It is
    made of the results (`*.json`) in that folder. Kinds are `results`: what
    methods scored, `settings`: how they were trained, `study`, and the
    benchmarks by their names.

    Args:
        page: the page.
        results: where the folders of results lie.
        commands: what each command runs, by name.

    Raises:
        InputError: if a block's kind is unknown, or its folder does not hold
            results for it.
    """

    def make(match: re.Match) -> str:
        block = f"<!-- begin {match['kind']} {match['folder']} -->"
        contents = _read(results / match["folder"])
        try:
            shown = _show(match["kind"], contents, commands)
        except errors.InputError as error:
            raise errors.InputError(f"{block}: {error}") from error
        # Markdown wants empty lines between a comment and a table.
        return f"{block}\n\n{shown}\n\n{match['end']}"

    return BLOCK.sub(make, page)


def _show(
    kind: str,
    contents: list[Any],
    commands: Mapping[str, contract.Command],
) -> str:
    if kind in _BENCHMARKS:
        return "\n\n".join(map(_BENCHMARKS[kind], contents))
    if kind != _STUDY and kind not in _GROUPS:
        kinds = ", ".join([*_GROUPS, _STUDY, *_BENCHMARKS])
        raise errors.InputError(f"expected one of the kinds {kinds}")
    for content in contents:
        checks.check(content, commands)
    command = commands[contents[0]["command"]]
    if kind in _GROUPS:
        experiment = contract.experiment_of(command)
        return _GROUPS[kind](groups.collect(contents, experiment))
    if not isinstance(command, contract.Study):
        raise errors.InputError(f"{command.name} is no study")
    return printed.of_study(command, contents).markdown()


def _read(folder: pathlib.Path) -> list[Any]:
    """Reads the results of a folder."""
    contents = []
    for file in sorted(folder.glob("*.json")):
        try:
            contents.append(json.loads(file.read_text()))
        except ValueError as error:
            raise errors.InputError(
                f"{file} cannot be read: {error}"
            ) from error
    if not contents:
        raise errors.InputError(f"{folder}: expected results (*.json)")
    return contents

"""The tables of a page of prose, in Markdown."""

import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from experiments.benchmarks import (
    environment_report,
    multitask_report,
    report,
    sac_report,
)
from experiments.reporting import checks, run_files, tables
from experiments.run import contract, groups, printed
from tfmeta import errors

BLOCK = re.compile(
    r"(?P<begin><!-- begin (?P<kind>\S+) (?P<folder>\S+) -->).*?"
    r"(?P<end><!-- end -->)",
    re.DOTALL,
)
_BENCHMARKS: dict[str, Callable[[Any], str]] = {
    "environment_step": environment_report.markdown,
    "maml_step": report.markdown,
    "multitask_step": multitask_report.markdown,
    "sac_step": sac_report.markdown,
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
        kind, folder = match["kind"], match["folder"]
        begin = f"<!-- begin {kind} {folder} -->"
        if kind not in (*_GROUPS, _STUDY, *_BENCHMARKS):
            kinds = ", ".join([*_GROUPS, _STUDY, *_BENCHMARKS])
            raise errors.InputError(f"{begin}: expected one of {kinds}")

        def check(content: Any) -> None:
            if kind not in _BENCHMARKS:
                checks.check(content, commands)

        runs, refused = run_files.read(results / folder, check)
        for file in refused:
            raise errors.InputError(f"{begin}: {file.name}: {file.reason}")
        if not runs:
            raise errors.InputError(f"{begin}: expected results (*.json)")
        contents = [run.result for run in runs]
        if kind in _BENCHMARKS:
            shown = "\n\n".join(map(_BENCHMARKS[kind], contents))
        else:
            shown = _show(kind, contents, commands[contents[0]["command"]])
        # Markdown wants empty lines between a comment and a table.
        return f"{begin}\n\n{shown}\n\n{match['end']}"

    return BLOCK.sub(make, page)


def _show(
    kind: str, contents: list[Mapping[str, Any]], command: contract.Command
) -> str:
    if kind in _GROUPS:
        experiment = contract.experiment_of(command)
        return _GROUPS[kind](groups.collect(contents, experiment))
    if not isinstance(command, contract.Study):
        raise errors.InputError(f"{command.name} is no study")
    return printed.of_study(command, contents).markdown()

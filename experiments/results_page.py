r"""Writes the tables of RESULTS.md from the results that stand beside it.

    ./bazelw run //experiments:results_page

RESULTS.md is prose with blocks between `<!-- begin KIND FOLDER -->` and
`<!-- end -->`. This command makes each block anew from the results.json files
(under any name) in that folder of `experiments/results/`, and leaves the prose.
"""

import functools
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

from absl import flags

from experiments import learner_markdown, multitask_report, nme_study_report
from experiments.benchmarks import multitask_report as multitask_step_report
from experiments.benchmarks import report
from experiments.run import cli
from tfmeta import errors

_PAGE = flags.DEFINE_string(
    "page", "RESULTS.md", "The page to write the tables of."
)
_RESULTS = flags.DEFINE_string(
    "results",
    "experiments/results",
    "Folder of the results, with a folder for each block.",
)
_BLOCK = re.compile(
    r"(?P<begin><!-- begin (?P<kind>\S+) (?P<folder>\S+) -->).*?"
    r"(?P<end><!-- end -->)",
    re.DOTALL,
)

Results = list[dict[str, Any]]


def main() -> None:
    """Writes the page."""
    page = cli.resolve_path(_PAGE.value)
    text = page.read_text()
    page.write_text(fill(text, cli.resolve_path(_RESULTS.value)))
    print(f"Wrote {len(_BLOCK.findall(text))} tables of {page}")


def fill(text: str, results: pathlib.Path) -> str:
    """Returns a page with its blocks made anew.

    Args:
        text: the page.
        results: the folder of the results.

    Raises:
        InputError: if a block's kind is unknown, or its folder has no results.
    """

    def block(match: re.Match) -> str:
        kind, folder = match["kind"], match["folder"]
        if kind not in _KINDS:
            raise errors.InputError(
                f"<!-- begin {kind} {folder} -->: expected one of the kinds "
                f"{', '.join(_KINDS)}"
            )
        table = _KINDS[kind](_read(results / folder))
        # Markdown wants empty lines between a comment and a table.
        return f"{match['begin']}\n\n{table}\n\n{match['end']}"

    return _BLOCK.sub(block, text)


def _read(folder: pathlib.Path) -> Results:
    """Reads the results of a folder, each with its file's name."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.append(json.loads(file.read_text()))
        except ValueError as error:
            raise errors.InputError(
                f"{file} cannot be read: {error}"
            ) from error
    if not found:
        raise errors.InputError(f"{folder}: expected results (*.json)")
    return found


def _multitask(results: Results) -> str:
    return multitask_report.markdown(_rows(results))


def _study(results: Results) -> str:
    return nme_study_report.table(_rows(results), markdown=True)


def _rows(results: Results) -> list[dict[str, Any]]:
    return [row for result in results for row in result["rows"]]


def _each(
    markdown: Callable[[dict[str, Any]], str],
) -> Callable[[Results], str]:
    """Returns what writes a benchmark's runs one after the other."""
    return lambda results: "\n\n".join(map(markdown, results))


# Settings that a reader asks for first.
_NME_SETTINGS = (
    *("inner_learning_rate", "inner_steps", "outer_learning_rate", "beta"),
    *("weight_decay", "taml_weight"),
)
_REGRESSION_SETTINGS = (
    *("inner_learning_rate", "inner_steps", "test_inner_steps"),
    *("outer_learning_rate", "beta", "initial_scale", "prior_scale"),
    "weight_decay",
)
_KINDS: dict[str, Callable[[Results], str]] = {
    "maml_step": _each(report.markdown),
    "multitask": _multitask,
    "multitask_step": _each(multitask_step_report.markdown),
    "nme_finals": learner_markdown.finals,
    "nme_settings": functools.partial(
        learner_markdown.settings, names=_NME_SETTINGS
    ),
    "nme_study": _study,
    "regression": learner_markdown.finals,
    "regression_settings": functools.partial(
        learner_markdown.settings, names=_REGRESSION_SETTINGS
    ),
}


if __name__ == "__main__":
    cli.run(main)

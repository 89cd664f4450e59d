"""The report: what runs gave, in the order of the story that they tell.

`report.html` is the page, in the language of Jinja; here is what it shows.
"""

import base64
import dataclasses
import functools
import pathlib
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import jinja2

from experiments.reporting import batches, run_files, tables
from experiments.reporting.batches import Batch
from experiments.run import columns, contract, groups, printed, table

# So many pictures of a chapter are shown without being asked for, and what
# else the last run among them drew.
_SHOWN_PICTURES = 6
# Of the plots' 150 pixels an inch 78 are left, and two panels leave room for a
# bar chart beside them.
_SCALE = 0.52
# Characters of a cell that wants room.
_LONG = 20


def make(
    runs: Sequence[run_files.Run],
    refused: Sequence[run_files.Refused],
    parts: Sequence[contract.Part],
) -> str:
    """Makes the page.

    Args:
        runs: what to show, at least one.
        refused: what could not be shown.
        parts: the story, with a chapter for each command of a run.

    Returns:
        A document in HTML that needs no other file.
    """
    shown = []
    for part in parts:
        chapters = []
        for command in part.chapters:
            own = batches.collect(
                [r for r in runs if r.result["command"] == command.name],
                contract.experiment_of(command),
            )
            if own:
                chapters.append(_chapter(command, own))
        if chapters:
            shown.append(
                {
                    "name": part.name,
                    "title": part.title,
                    "lead": part.lead,
                    "chapters": chapters,
                }
            )
    return _template().render(
        number_of_runs=len(runs), parts=shown, refused=refused
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=lambda name: name != "report.css",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "capitalized": table.capitalize,
        "classes": _classes,
        "counted": lambda number, noun: f"{number} {noun}" + "s" * (number > 1),
        # No line ends within a number and its interval.
        "unbroken": lambda text: text.replace(
            " ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
        ),
    }
    return environment.get_template("report.html")


def _classes(shown: table.Table) -> list[str]:
    """Returns the style of each column of a table."""
    classes = []
    for number, column in enumerate(shown.columns):
        cells = [line[number] for line in shown.lines]
        if any(len(cell.full or cell.text) > _LONG for cell in cells):
            classes.append("long")
        else:
            classes.append("" if table.is_words(column) else "number")
    return classes


def _chapter(command: contract.Command, own: Sequence[Batch]) -> dict[str, Any]:
    """Returns what the page shows of a command."""
    experiment = contract.experiment_of(command)
    results = [run.result for batch in own for run in batch]
    of = groups.collect(results, experiment)
    if isinstance(command, contract.Study):
        scores = [(_study(command, batch), False) for batch in own]
        notes = []
    else:
        scores = [(made, False) for made in tables.comparisons(of)]
        scores += tables.scores(of)
        scores += [(made, False) for made in columns.further_tables(of)]
        notes = tables.notes(of)
    shown, hidden = _pictures(command, own)
    return {
        "command": command,
        "tables": scores,
        "notes": notes,
        "shown_pictures": shown,
        "hidden_pictures": hidden,
        "settings": tables.all_settings(of),
        "batches": [
            {
                "methods": _titles(experiment, batch[0].methods),
                "call": batches.call(batch[0], command),
                "runs": list(map(_run, batch)),
            }
            for batch in own
        ],
    }


def _study(study: contract.Study, batch: Batch) -> table.Table:
    made = printed.of_study(study, [run.result for run in batch])
    experiment, row = study.experiment, batch[0].rows[0]
    asked = [
        columns.show_setting(experiment, name, row["budget"][name])
        for name in experiment.shown_settings
        if name in row["budget"]
    ]
    titles = filter(None, [experiment.problem_title(row["problem"]), *asked])
    caption = f"{', '.join(titles)}. {made.caption}"
    return dataclasses.replace(made, caption=caption)


def _pictures(
    command: contract.Command, own: Iterable[Batch]
) -> tuple[list[list[dict]], list[list[dict]]]:
    """Returns the pictures of each run, those in sight and all others."""
    shown: list[list[dict]] = []
    hidden: list[list[dict]] = []
    for batch in own:
        for run in filter(lambda run: run.pictures, batch):
            pictures = [_picture(command, run, drawn) for drawn in run.pictures]
            is_in_sight = sum(map(len, shown)) < _SHOWN_PICTURES
            (shown if run is batch[0] and is_in_sight else hidden).append(
                pictures
            )
    return shown, hidden


def _picture(
    command: contract.Command, run: run_files.Run, picture: run_files.Picture
) -> dict[str, Any]:
    *method, stem = pathlib.PurePosixPath(picture.name).with_suffix("").parts
    titles = {drawn.name: drawn.title for drawn in command.pictures}
    experiment = contract.experiment_of(command)
    methods = method or run.methods
    about = [
        experiment.problem_title(run.rows[0]["problem"]),
        # Of a study they are too many to be read out.
        _titles(experiment, methods)
        if len(methods) < 5
        else f"{len(methods)} methods",
        f"seed {run.seed}.",
    ]
    # The first chunk's data begin with them.
    width, height = struct.unpack(">II", picture.png[16:24])
    return {
        "title": titles.get(stem) or stem.replace("_", " ").capitalize(),
        "about": "; ".join(filter(None, about)),
        "path": picture.path,
        "width": round(_SCALE * width),
        "height": round(_SCALE * height),
        "data": base64.b64encode(picture.png).decode("ascii"),
    }


def _run(run: run_files.Run) -> dict[str, Any]:
    commits = {row["commit"] or "unknown" for row in run.rows}
    packages = map(" ".join, run.result["versions"].items())
    return {
        "name": run.name,
        "seed": run.seed,
        "versions": ", ".join([*sorted(commits), *packages]),
    }


def _titles(experiment: contract.Experiment, methods: Iterable[str]) -> str:
    return ", ".join(groups.method_title(experiment, name) for name in methods)

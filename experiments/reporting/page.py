"""The report: what runs gave, in the order of the story that they tell."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from experiments.reporting import batches, html_text, run_files, tables
from experiments.reporting.batches import Batch
from experiments.reporting.html_text import Html, element
from experiments.run import columns, contract, groups, printed

_STYLE = pathlib.Path(__file__).with_name("report.css")
# So many pictures of a chapter are shown without being asked for, and what
# else the last run among them drew.
_SHOWN_PICTURES = 6
# Of the plots' 150 pixels an inch 78 are left, and two panels leave room for a
# bar chart beside them.
_SCALE = 0.52


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
    # For each section its anchor, its title, and what is in it.
    sections: list[tuple[str, str, list[Html]]] = []
    what_was_run = [
        element(
            "p",
            "What differs by the seed alone is one line. The settings are "
            "those that the methods had in the end, given or by default; of "
            "commands folders of data and of output are left out.",
        )
    ]
    for part in parts:
        chapters = []
        for command in part.chapters:
            own = batches.collect(
                [r for r in runs if r.result["command"] == command.name],
                contract.experiment_of(command),
            )
            if own:
                chapters.append(_chapter(command, own))
                what_was_run += _runs(command, own)
        if chapters:
            lead = element("p", part.lead)
            sections.append((part.name, part.title, [lead, *chapters]))
    if refused:
        files = (
            html_text.join([element("code", file.name), f": {file.reason}"])
            for file in refused
        )
        what_was_run.append(element("h3", "Not shown", id="not-shown"))
        what_was_run.append(html_text.items(files))
    sections.append(("runs", "What was run", what_was_run))
    links = [
        element("li", element("a", title, href=f"#{anchor}"))
        for anchor, title, _ in sections
    ]
    header = element(
        "header",
        element("h1", "Results"),
        element(
            "p",
            f"{_count(len(runs), 'run')}, grouped by all but their seeds. "
            "Scores are means ± standard deviations over seeds, those of "
            "single seeds means ± 95% intervals over tasks or images. The "
            "papers’ stand beside them, with their spread in brackets where it "
            "is known.",
            class_="lead",
        ),
        element("nav", element("ol", *links), aria_label="Contents"),
    )
    main = element(
        "main",
        *(
            element(
                "section",
                element(
                    "h2",
                    element("span", str(number), class_="ordinal"),
                    f" {title}",
                ),
                *contents,
                id=anchor,
            )
            for number, (anchor, title, contents) in enumerate(sections, 1)
        ),
    )
    style = _STYLE.read_text(encoding="utf-8")
    return html_text.document("tfmeta: results", style, header, main)


def _chapter(command: contract.Command, own: Sequence[Batch]) -> Html:
    if isinstance(command, contract.Study):
        contents = [_study(command, batch) for batch in own]
    else:
        contents = _scores(_groups(command, own))
    return element(
        "section",
        element("h3", command.title),
        element("p", command.lead),
        *contents,
        *_pictures(command, own),
        id=command.name,
    )


def _study(study: contract.Study, batch: Batch) -> Html:
    made = printed.of_study(study, [run.result for run in batch])
    experiment, row = study.experiment, batch[0].rows[0]
    asked = [
        columns.show_setting(experiment, name, row["budget"][name])
        for name in experiment.shown_settings
        if name in row["budget"]
    ]
    titles = filter(None, [experiment.problem_title(row["problem"]), *asked])
    caption = f"{', '.join(titles)}. {made.caption}"
    return html_text.show_table(dataclasses.replace(made, caption=caption))


def _scores(of: Sequence[groups.Group]) -> list[Html]:
    contents = list(map(html_text.show_table, tables.comparisons(of)))
    for made, only_tried in tables.scores(of):
        shown = html_text.show_table(made)
        if only_tried:
            title = _count(len(made.lines), "setting")
            shown = html_text.details(f"{title} only tried", shown)
        contents.append(shown)
    contents += map(html_text.show_table, columns.further_tables(of))
    return contents + [element("p", note) for note in tables.notes(of)]


def _pictures(command: contract.Command, own: Iterable[Batch]) -> list[Html]:
    """Makes the pictures of a chapter, those of first seeds in sight."""
    shown: list[Html] = []
    hidden: list[Html] = []
    in_sight = count = 0
    for batch in own:
        for run in filter(lambda run: run.pictures, batch):
            pictures = [_picture(command, run, drawn) for drawn in run.pictures]
            figures = element("div", *pictures, class_="figures")
            if run is batch[0] and in_sight < _SHOWN_PICTURES:
                in_sight += len(pictures)
                shown.append(figures)
            else:
                count += len(pictures)
                hidden.append(figures)
    if hidden:
        title = _count(count, "further picture")
        shown.append(html_text.details(title, *hidden))
    return shown


def _picture(
    command: contract.Command, run: run_files.Run, picture: run_files.Picture
) -> Html:
    *method, stem = pathlib.PurePosixPath(picture.name).with_suffix("").parts
    titles = {drawn.name: drawn.title for drawn in command.pictures}
    title = titles.get(stem) or stem.replace("_", " ").capitalize()
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
    text = f" {'; '.join(filter(None, about))}"
    heading = element("strong", f"{title}.")
    path = element("code", picture.path)
    return html_text.picture(
        picture.png,
        scale=_SCALE,
        alt=f"{title}.{text}",
        caption=html_text.join([heading, text, " ", path]),
    )


def _runs(command: contract.Command, own: Sequence[Batch]) -> list[Html]:
    """Makes the table of what was run, and what it takes to run it again."""
    experiment = contract.experiment_of(command)
    return [
        element("h3", command.title),
        html_text.show_table(tables.all_settings(_groups(command, own))),
        *(
            html_text.details(
                f"{command.name}: {_titles(experiment, batch[0].methods)}",
                element(
                    "pre", element("code", batches.call(batch[0], command))
                ),
                html_text.items(map(_run, batch)),
            )
            for batch in own
        ),
    ]


def _run(run: run_files.Run) -> Html:
    commits = {row["commit"] or "unknown" for row in run.rows}
    packages = run.result["versions"].items()
    text = ", ".join([*sorted(commits), *map(" ".join, packages)])
    return html_text.join(
        [element("code", run.name), f": seed {run.seed}, {text}"]
    )


def _groups(
    command: contract.Command, own: Sequence[Batch]
) -> list[groups.Group]:
    results = [run.result for batch in own for run in batch]
    return groups.collect(results, contract.experiment_of(command))


def _titles(experiment: contract.Experiment, methods: Iterable[str]) -> str:
    return ", ".join(groups.method_title(experiment, name) for name in methods)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number > 1)

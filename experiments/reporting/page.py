"""The report: what runs gave, in the order of the story that they tell."""

import pathlib
from collections.abc import Iterable, Sequence

from experiments.reporting import batches, html_text, run_files, tables
from experiments.reporting.batches import Batch
from experiments.reporting.html_text import Html, element
from experiments.run import columns, contract, groups, printed, rows, table

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
    chapters = [chapter for part in parts for chapter in part.chapters]
    all_batches = batches.collect(runs, chapters)
    shown = {
        chapter.name: [b for b in all_batches if b.command is chapter]
        for chapter in chapters
    }
    sections = [
        (
            part.name,
            part.title,
            [
                element("p", part.lead),
                *(
                    _chapter(chapter, shown[chapter.name])
                    for chapter in part.chapters
                    if shown[chapter.name]
                ),
            ],
        )
        for part in parts
        if any(shown[chapter.name] for chapter in part.chapters)
    ]
    last = [*_what_was_run(all_batches), *_not_shown(refused)]
    sections.append(("runs", "What was run", last))
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
    numbered = [
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
        for number, (anchor, title, contents) in enumerate(sections, start=1)
    ]
    style = _STYLE.read_text(encoding="utf-8")
    main = element("main", *numbered)
    return html_text.document("tfmeta: results", style, header, main)


def _chapter(command: contract.Command, of: Sequence[Batch]) -> Html:
    if isinstance(command, contract.Study):
        contents = [_study(command, batch) for batch in of]
    else:
        contents = _scores([r.result for b in of for r in b.runs], command)
    return element(
        "section",
        element("h3", command.title),
        element("p", command.lead),
        *contents,
        *_pictures(of),
        id=command.name,
    )


def _study(study: contract.Study, batch: Batch) -> Html:
    made = printed.of_study(study, [run.result for run in batch.runs])
    experiment = study.experiment
    budget = batch.groups[0].main_rows[0]["budget"]
    asked = [
        columns.show_setting(experiment, name, budget[name])
        for name in experiment.shown_settings
        if name in budget
    ]
    titles = ", ".join(filter(None, [batch.tasks, *asked]))
    caption = f"{titles}. {made.caption}"
    return html_text.show_table(table.Table(caption, made.heads, made.lines))


def _scores(results, experiment: contract.Experiment) -> list[Html]:
    of = groups.collect(results, experiment)
    contents = list(map(html_text.show_table, tables.comparisons(of)))
    for made, tried in tables.scores(of):
        shown = html_text.show_table(made)
        if tried:
            were = "was" if tried == 1 else "were"
            title = f"{_count(tried, 'setting')} that {were} not tested"
            shown = html_text.details(title, shown)
        contents.append(shown)
    contents += map(html_text.show_table, tables.further(of))
    return contents + [element("p", note) for note in tables.notes(of)]


def _pictures(of: Iterable[Batch]) -> list[Html]:
    """Makes the pictures of a chapter, those of first seeds in sight."""
    shown: list[Html] = []
    hidden: list[Html] = []
    in_sight = count = 0
    for batch in of:
        for run in batch.runs:
            if not run.pictures:
                continue
            figures = element(
                "div",
                *(_picture(batch, run, picture) for picture in run.pictures),
                class_="figures",
            )
            if run is batch.runs[0] and in_sight < _SHOWN_PICTURES:
                in_sight += len(run.pictures)
                shown.append(figures)
            else:
                count += len(run.pictures)
                hidden.append(figures)
    if hidden:
        title = _count(count, "further picture")
        shown.append(html_text.details(title, *hidden))
    return shown


def _picture(
    batch: Batch, run: run_files.Run, picture: run_files.Picture
) -> Html:
    path = pathlib.PurePosixPath(picture.name)
    titles = {drawn.name: drawn.title for drawn in batch.command.pictures}
    title = titles.get(path.stem) or path.stem.replace("_", " ").capitalize()
    methods = list(path.parts[:-1]) or batch.methods
    about = [
        batch.tasks,
        # Of a study they are too many to be read out.
        _method_titles(batch, methods)
        if len(methods) < 5
        else f"{len(methods)} methods",
        f"seed {batches.seed_of(run)}.",
    ]
    text = f" {'; '.join(filter(None, about))}"
    return html_text.picture(
        picture.png,
        width=round(picture.width * _SCALE),
        height=round(picture.height * _SCALE),
        alt=f"{title}.{text}",
        caption=html_text.join(
            [
                element("strong", f"{title}."),
                f"{text} ",
                element("code", picture.path),
            ]
        ),
    )


def _what_was_run(of: Sequence[Batch]) -> list[Html]:
    """Makes the table of the runs, and what it takes to run them again."""
    made = table.Table(
        "Runs by settings: what differs by the seed alone is one line. Minutes "
        "are those of one run’s training.",
        [
            table.Head(title, left=title not in ("steps", "minutes"))
            for title in (
                *("runs", "tasks", "methods", "steps", "seeds", "minutes"),
                "commit",
            )
        ],
        [_line(batch) for batch in of],
    )
    versions: dict[str, dict[int, None]] = {}
    for batch in of:
        for run in batch.runs:
            packages = (run.result.get("versions") or {}).items()
            text = ", ".join(" ".join(package) for package in packages)
            versions.setdefault(text or "unknown", {})[batch.number] = None
    return [
        html_text.show_table(made.without_empty_columns()),
        element("h3", "Versions"),
        html_text.items(
            text
            if len(versions) == 1
            else f"{text}: runs {', '.join(map(str, numbers))}"
            for text, numbers in versions.items()
        ),
        element("h3", "Commands and settings"),
        element(
            "p",
            "Folders of data and of output are left out. The settings are "
            "those that the methods had in the end, given or by default.",
        ),
        *map(_details, of),
    ]


def _line(batch: Batch) -> list[table.Cell]:
    experiment = batch.groups[0].experiment
    settings = {setting.name for setting in experiment.hyperparameters}
    given = [
        columns.show_setting(experiment, name, value)
        for name, value in batch.flags.items()
        if name in settings
    ]
    link = element("a", str(batch.number), href=f"#run-{batch.number}")
    return [
        table.Cell(html_text.join([link, f" {batch.command.name}"])),
        table.Cell(batch.tasks),
        table.Cell(_method_titles(batch, batch.methods), note=", ".join(given)),
        table.Cell(columns.show_value(batch.groups[0].asked.get("steps"))),
        table.Cell(", ".join(str(batches.seed_of(run)) for run in batch.runs)),
        table.Cell(f"{sum(group.minutes for group in batch.groups):.0f}"),
        table.Cell(rows.short_commits(_rows(batch))),
    ]


def _details(batch: Batch) -> Html:
    """Makes the command and the settings of a line of runs."""
    runs = [
        html_text.join(
            [element("code", run.name), f" (seed {batches.seed_of(run)})"]
        )
        for run in batch.runs
    ]
    commits = sorted({row["commit"] or "unknown" for row in _rows(batch)})
    settings = tables.all_settings(batch.groups)
    return html_text.details(
        f"{batch.number} {batch.command.name}: "
        f"{_method_titles(batch, batch.methods)}",
        element("pre", element("code", batch.call)),
        *([html_text.show_table(settings)] if settings.lines else []),
        element(
            "p",
            "Runs: ",
            html_text.join(runs, ", "),
            ". Commits: ",
            html_text.join((element("code", c) for c in commits), ", "),
            ".",
        ),
        id_=f"run-{batch.number}",
    )


def _not_shown(refused: Sequence[run_files.Refused]) -> list[Html]:
    if not refused:
        return []
    return [
        element("h3", "Not shown", id="not-shown"),
        html_text.items(
            html_text.join([element("code", file.name), f": {file.reason}"])
            for file in refused
        ),
    ]


def _rows(batch: Batch) -> list[rows.Row]:
    return [row for group in batch.groups for row in group.all_rows]


def _method_titles(batch: Batch, methods: Iterable[str]) -> str:
    experiment = batch.groups[0].experiment
    return ", ".join(groups.method_title(experiment, name) for name in methods)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number > 1)

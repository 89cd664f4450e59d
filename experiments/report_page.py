"""The report: what runs gave, in the order of the story that they tell."""

import collections
import json
import pathlib
import shlex
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments import (
    html_text,
    multitask_report,
    report_checks,
    report_story,
    report_tables,
    run_files,
    seed_groups,
    titles,
)

_STYLE = pathlib.Path(__file__).with_name("report.css")
# So many pictures of an experiment are shown without being asked for, and
# what else the last run among them drew.
_SHOWN_PICTURES = 6
# Of the plots' 150 pixels an inch 78 are left, and two panels leave room for a
# bar chart beside them.
_SCALE = 0.52
_STUDY_PICTURE = "study"
_PICTURES = {
    _STUDY_PICTURE: "Accuracy against the inner learning rate",
    "accuracy": "Scores of the methods",
    "curves": "Learning curves",
    "adapted": "Predictions before and after adaptation",
    "objects": "Errors of each object",
    "conflicts": "Conflicts between the gradients of tasks during training",
    "cosines": "Which tasks conflict with which",
    "landscape": "The landscape of two tasks and the ways down it",
}


class _Batch(NamedTuple):
    """Runs of one command that differ by their seed alone.

    Attributes:
        number: by which the page refers to it, from 1.
        command: the command.
        runs: by seed.
    """

    number: int
    command: str
    runs: Sequence[run_files.Run]

    @property
    def results(self) -> list[Mapping[str, Any]]:
        return [run.result for run in self.runs]

    @property
    def methods(self) -> list[str]:
        rows = self.runs[0].result["rows"]
        # What tells of the theorem was not trained.
        return list(
            dict.fromkeys(row["method"] for row in rows if "pairs" not in row)
        )

    @property
    def seeds(self) -> list[int]:
        return [_seed(run) for run in self.runs]


def make(
    runs: Sequence[run_files.Run],
    refused: Sequence[run_files.Refused],
) -> str:
    """Makes the page.

    Args:
        runs: what to show, at least one.
        refused: what could not be shown.

    Returns:
        A document in HTML that needs no other file.
    """
    batches = _batches(runs)
    by_command = collections.defaultdict(list)
    for batch in batches:
        by_command[batch.command].append(batch)
    parts = [
        (
            chapter,
            html_text.join(
                _experiment(
                    report_story.EXPERIMENTS[command], by_command[command]
                )
                for command in commands
                if command in by_command
            ),
        )
        for chapter, commands in report_story.PARTS
        if any(command in by_command for command in commands)
    ]
    parts.append(
        (
            report_story.Chapter("runs", "What was run", ""),
            html_text.join([*_what_was_run(batches), *_not_shown(refused)]),
        )
    )
    contents = html_text.element(
        "nav",
        html_text.element(
            "ol",
            *(
                html_text.element(
                    "li",
                    html_text.element(
                        "a", chapter.title, href=f"#{chapter.anchor}"
                    ),
                )
                for chapter, _ in parts
            ),
        ),
        aria_label="Contents",
    )
    count = f"{len(runs)} run" + "s" * (len(runs) > 1)
    header = html_text.element(
        "header",
        html_text.element("h1", "Results"),
        html_text.element(
            "p",
            f"{count}, grouped by all but their seeds. Scores are means ± "
            "standard deviations over seeds, those of single seeds means ± "
            "95% intervals over tasks or images. The papers’ stand beside "
            "them, with their spread in brackets where it is known.",
            class_="lead",
        ),
        contents,
    )
    sections = [
        html_text.element(
            "section",
            html_text.element(
                "h2",
                html_text.element("span", str(number), class_="ordinal"),
                " ",
                chapter.title,
            ),
            *([html_text.element("p", chapter.lead)] if chapter.lead else []),
            content,
            id=chapter.anchor,
        )
        for number, (chapter, content) in enumerate(parts, start=1)
    ]
    return html_text.document(
        "tfmeta: results",
        _STYLE.read_text(encoding="utf-8"),
        header,
        html_text.element("main", *sections),
    )


def _batches(runs: Sequence[run_files.Run]) -> list[_Batch]:
    """Groups the runs, in the order of the story."""
    found: dict[str, list[run_files.Run]] = {}
    for run in runs:
        config = {
            name: value
            for name, value in run.result["config"].items()
            if name != "seed" and value is not None
        }
        learned = sorted(
            {
                repr(
                    [row.get(name) for name in ("method", *seed_groups.PROBLEM)]
                )
                for row in run.result["rows"]
            }
        )
        key = json.dumps([_command(run), learned, config], sort_keys=True)
        found.setdefault(key, []).append(run)
    order = list(report_story.EXPERIMENTS)
    sorted_runs = sorted(
        (sorted(batch, key=_seed) for batch in found.values()),
        # Those that compare most methods first.
        key=lambda batch: (
            order.index(_command(batch[0])),
            -len({row["method"] for row in batch[0].result["rows"]}),
            seed_groups.place_of_tasks(batch[0].result["rows"][0]),
            batch[0].name,
        ),
    )
    return [
        _Batch(number, _command(batch[0]), batch)
        for number, batch in enumerate(sorted_runs, start=1)
    ]


def _experiment(
    chapter: report_story.Chapter, batches: Sequence[_Batch]
) -> html_text.Html:
    results = [result for batch in batches for result in batch.results]
    groups = report_tables.collect(results)
    contents: list[html_text.Html | None]
    if chapter.anchor == report_story.STUDY:
        contents = [
            report_tables.study_table(batch.results) for batch in batches
        ]
    elif chapter.anchor == report_checks.TRAGIC_TRIAD:
        contents = [
            report_tables.descent_table(groups),
            *(
                html_text.element("p", sentence)
                for sentence in report_tables.theorem_sentences(groups)
            ),
        ]
    else:
        contents = [
            *report_tables.talk_tables(groups),
            *report_tables.score_tables(groups),
            report_tables.bound_table(groups),
        ]
    if chapter.anchor == report_checks.MULTITASK and any(
        row.get("paper") is not None
        for result in results
        for row in result["rows"]
    ):
        contents.append(html_text.element("p", multitask_report.PAPER_NOTE))
    return html_text.element(
        "section",
        html_text.element("h3", chapter.title),
        html_text.element("p", chapter.lead),
        *(content for content in contents if content),
        *_figures(batches),
        id=chapter.anchor,
    )


def _figures(batches: Iterable[_Batch]) -> list[html_text.Html]:
    """Makes the pictures of an experiment, those of first seeds in sight."""
    shown: list[html_text.Html] = []
    further: list[html_text.Html] = []
    in_sight = hidden = 0
    for batch in batches:
        for number, run in enumerate(batch.runs):
            if not run.pictures:
                continue
            figures = html_text.element(
                "div",
                *(_figure(batch, run, picture) for picture in run.pictures),
                class_="figures",
            )
            if number == 0 and in_sight < _SHOWN_PICTURES:
                in_sight += len(run.pictures)
                shown.append(figures)
            else:
                hidden += len(run.pictures)
                further.append(figures)
    if further:
        count = f"{hidden} further picture" + "s" * (hidden > 1)
        shown.append(html_text.details(count, *further))
    return shown


def _figure(
    batch: _Batch, run: run_files.Run, picture: run_files.Picture
) -> html_text.Html:
    path = pathlib.PurePosixPath(picture.name)
    what = _PICTURES.get(path.stem, path.stem.replace("_", " ").capitalize())
    experiment = report_checks.experiment(run.result)
    of = list(path.parts[:-1]) or batch.methods
    methods = [titles.of_method(method, experiment) for method in of]
    # Of a study they are too many to be read out.
    named = (
        ", ".join(methods) if len(methods) < 5 else f"{len(methods)} methods"
    )
    setup = report_tables.collect([run.result])[0].setup
    where = titles.of_tasks(setup)
    text = f"{what}. {where + '; ' if where else ''}{named}; seed {_seed(run)}."
    return html_text.picture(
        picture.png,
        width=round(picture.width * _SCALE),
        height=round(picture.height * _SCALE),
        alt=text,
        caption=html_text.join(
            [
                html_text.element("strong", f"{what}."),
                text.removeprefix(f"{what}."),
                " ",
                html_text.element("code", picture.found),
            ]
        ),
    )


def _what_was_run(batches: Sequence[_Batch]) -> list[html_text.Html]:
    """Makes the table of the runs, and what it takes to run them again."""
    lines = []
    for batch in batches:
        groups = report_tables.collect(batch.results)
        setup = groups[0].setup
        seconds = [
            sum(_seconds_by_method(result).values()) for result in batch.results
        ]
        lines.append(
            [
                html_text.element(
                    "span",
                    html_text.element(
                        "a", str(batch.number), href=f"#run-{batch.number}"
                    ),
                    f" {batch.command}",
                    class_="whole",
                ),
                titles.of_tasks(setup),
                html_text.join([_method_titles(batch), *_given(batch, groups)]),
                titles.value(setup.get("steps")),
                ", ".join(map(str, batch.seeds)),
                f"{statistics.mean(seconds) / 60:.0f}" if any(seconds) else "",
                seed_groups.short_commits(groups),
            ]
        )
    table = html_text.table(
        "Runs by settings: what differs by the seed alone is one line. Minutes "
        "are those of one run’s training.",
        [
            html_text.Column("Runs", numeric=False),
            html_text.Column("Tasks", numeric=False),
            html_text.Column("Methods", numeric=False),
            html_text.Column("Steps"),
            html_text.Column("Seeds", numeric=False),
            html_text.Column("Minutes"),
            html_text.Column("Commit", numeric=False),
        ],
        lines,
    )
    versions: dict[str, list[int]] = collections.defaultdict(list)
    for batch in batches:
        for run in batch.runs:
            text = _versions(run.result)
            if batch.number not in versions[text]:
                versions[text].append(batch.number)
    return [
        table,
        html_text.element("h3", "Versions"),
        html_text.element(
            "ul",
            *(
                html_text.element(
                    "li",
                    text
                    if len(versions) == 1
                    else f"{text}: runs {', '.join(map(str, numbers))}",
                )
                for text, numbers in versions.items()
            ),
        ),
        html_text.element("h3", "Commands and settings"),
        html_text.element(
            "p",
            "Folders of data and of output are left out. The settings are "
            "those that the methods had in the end, given or by default.",
        ),
        *(_again(batch) for batch in batches),
    ]


def _again(batch: _Batch) -> html_text.Html:
    """Makes the command and the settings of a line of runs."""
    settings = report_tables.settings_table(
        report_tables.collect(batch.results)
    )
    commits = {
        commit
        for group in report_tables.collect(batch.results)
        for commit in group.commits
    }
    return html_text.details(
        f"{batch.number} {batch.command}: {_method_titles(batch)}",
        html_text.element("pre", html_text.element("code", _call(batch))),
        *([settings] if settings else []),
        html_text.element(
            "p",
            "Runs: ",
            html_text.join(
                (
                    html_text.join(
                        [
                            html_text.element("code", run.name),
                            f" (seed {_seed(run)})",
                        ]
                    )
                    for run in batch.runs
                ),
                ", ",
            ),
            ". Commits: ",
            html_text.join(
                (
                    html_text.element("code", commit)
                    for commit in sorted(commits)
                ),
                ", ",
            ),
            ".",
        ),
        id_=f"run-{batch.number}",
    )


def _call(batch: _Batch) -> str:
    """Returns what to type to run the first of a line of runs again."""
    flags: dict[str, Any] = {}
    if batch.command != report_checks.TRAGIC_TRIAD:
        flags["methods"] = batch.methods
    if batch.command == report_story.STUDY:
        flags["inner_learning_rates"] = sorted(
            {
                rate
                for row in batch.runs[0].result["rows"]
                if (rate := row["settings"].get("inner_learning_rate"))
            }
        )
    flags |= batch.runs[0].result["config"]
    lines = [f"./bazelw run //experiments:{batch.command} --"]
    for name, value in flags.items():
        if value is None:
            continue
        if isinstance(value, list):
            text = ",".join(map(titles.value, value))
        elif isinstance(value, bool):
            text = str(value).lower()
        else:
            text = titles.value(value)
        lines.append(f"  --{name}={shlex.quote(text)}")
    return " \\\n".join(lines)


def _not_shown(
    refused: Sequence[run_files.Refused],
) -> list[html_text.Html]:
    if not refused:
        return []
    return [
        html_text.element("h3", "Not shown", id="not-shown"),
        html_text.element(
            "ul",
            *(
                html_text.element(
                    "li",
                    html_text.element("code", file.name),
                    f": {file.reason}",
                )
                for file in refused
            ),
        ),
    ]


def _method_titles(batch: _Batch) -> str:
    experiment = report_checks.experiment(batch.runs[0].result)
    return ", ".join(
        titles.of_method(method, experiment) for method in batch.methods
    )


def _command(run: run_files.Run) -> str:
    # A study of one rate is told by its picture alone.
    drawn = {picture.name for picture in run.pictures}
    if f"{_STUDY_PICTURE}.png" in drawn or report_checks.is_study(run.result):
        return report_story.STUDY
    return report_checks.experiment(run.result)


def _seed(run: run_files.Run) -> int:
    rows = run.result["rows"]
    seeds = [row["seed"] for row in rows if "seed" in row]
    return run.result["config"].get("seed", seeds[0] if seeds else 0)


def _seconds_by_method(result: Mapping[str, Any]) -> dict[str, float]:
    """Returns how long each method trained; all its rows say the same."""
    return {
        repr([row["method"], row.get("settings")]): row["seconds"]
        for row in result["rows"]
        if "seconds" in row
    }


def _given(
    batch: _Batch, groups: Sequence[seed_groups.Group]
) -> list[html_text.Html]:
    """Returns the methods' settings that the command line gave."""
    of_methods = {
        name for group in groups for name in group.told[0].get("settings", ())
    }
    given = [
        titles.said(name, value)
        for name, value in batch.runs[0].result["config"].items()
        if value is not None and name in of_methods
    ]
    return [html_text.element("small", ", ".join(given))] if given else []


def _versions(result: Mapping[str, Any]) -> str:
    versions = result.get("versions") or {}
    return ", ".join(f"{k} {v}" for k, v in versions.items()) or "unknown"

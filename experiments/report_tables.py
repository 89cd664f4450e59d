"""The tables of the report, made from groups of rows."""

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from experiments import (
    html_text,
    multitask_report,
    report_checks,
    score_metrics,
    seed_groups,
    titles,
)
from experiments.run import text_table

Group = seed_groups.Group


# Settings that do not change what is learned.
_OF_EVALUATION = ("eval_splits", "eval_tasks", "steps_per_epoch")
_TESTS = ("meta-test", "test")
_VALIDATIONS = ("meta-validation", "validation")


def collect(results: Sequence[Mapping[str, Any]]) -> list[Group]:
    """Groups the rows of results of one experiment by seed."""
    name = report_checks.experiment(results[0])
    return seed_groups.collect(results, titles.of_methods(name))


def talk_tables(groups: Sequence[Group]) -> list[html_text.Html]:
    """Makes the talk's tables, ours beside the paper's figures.

    Where the detailed tables show no more, there are none.

    Args:
        groups: those of one experiment.
    """
    tables = []
    for of_source in _partition(groups, _source).values():
        problems = {
            problem: tested
            for problem, found in _partition(of_source, _problem).items()
            if any(score_metrics.published(group) for group in found)
            and (tested := [group for group in found if _tested(group)])
        }
        told = [group for tested in problems.values() for group in tested]
        methods = list(dict.fromkeys(group.method for group in told))
        if len(told) > len(methods):
            tables.append(_talk_table(problems, methods))
    return tables


def _talk_table(
    problems: Mapping[str, Sequence[Group]], methods: Sequence[str]
) -> html_text.Html:
    columns, above = [html_text.Column("Method", numeric=False)], [("", 1)]
    lines = [[titles.of_method(m, _experiment(problems))] for m in methods]
    several = False
    for groups in problems.values():
        metric = score_metrics.of(groups[0])
        columns += [html_text.Column("ours"), html_text.Column("paper")]
        above.append((titles.of_tasks(groups[0].setup, short=True), 2))
        for line, method in zip(lines, methods, strict=True):
            found = [group for group in groups if group.method == method]
            several |= len(found) > 1
            best = max(found, key=_validated, default=None)
            ours = _spread(_scores(best, _TESTS), metric) if best else ""
            line += [
                html_text.element("strong", ours) if ours else "",
                score_metrics.published(best) if best else "",
            ]
    source = _source_title(problems)
    caption = (
        f"New tasks{f', {source}' if source else ''}: {metric.title}, ours "
        "beside the paper’s."
    )
    if several:
        caption += (
            " Of several settings of a method, those that did best on"
            " validation tasks."
        )
    return html_text.table(caption, columns, lines, above=above)


def score_tables(groups: Sequence[Group]) -> list[html_text.Html]:
    """Makes a table of all scores for each kind of tasks.

    Lines without test scores, of settings that were tried, have to be asked for
    where there are others.

    Args:
        groups: those of one experiment.
    """
    tables = []
    for found in _partition(groups, _problem).values():
        make = (
            _multitask_table
            if _experiment_of(found[0]) == report_checks.MULTITASK
            else _learner_table
        )
        tested = [group for group in found if _tested(group)]
        tried = [group for group in found if not _tested(group)]
        tables.append(make(tested or tried))
        if tested and tried:
            tables.append(
                html_text.details(
                    "1 setting that was not tested"
                    if len(tried) == 1
                    else f"{len(tried)} settings that were not tested",
                    make(tried),
                )
            )
    return tables


def _learner_table(groups: Sequence[Group]) -> html_text.Html:
    metric = score_metrics.of(groups[0])
    name = report_checks.metric(groups[0].told[0])
    columns = [
        html_text.Column("Method", numeric=False),
        *map(
            html_text.Column,
            (
                *("Inner rate", "Train, before", "Train, other support"),
                *("Validation", "Test", "Paper"),
            ),
        ),
        html_text.Column("Test, by seed", numeric=False),
        *map(html_text.Column, ("NLL", "ECE, %", "Conflicts")),
    ]
    lines = [
        [
            _named(group, groups, shown=("inner_learning_rate",)),
            # Zero is as good as not there.
            titles.value(group.setup.get("inner_learning_rate") or None),
            *(
                _spread(group.means("meta-train", f"{name}_{kind}"), metric)
                for kind in ("before_adaptation", "with_other_support")
            ),
            _spread(_scores(group, _VALIDATIONS), metric),
            html_text.element("strong", test)
            if (test := _spread(_scores(group, _TESTS), metric))
            else "",
            score_metrics.published(group),
            _by_seed(group, metric),
            _spread(
                group.means("meta-test", "nll"),
                score_metrics.Metric("", 1, 2, -1),
            ),
            _calibration(group),
            _conflicts(group),
        ]
        for group in groups
    ]
    title = titles.of_tasks(groups[0].setup)
    title = title[:1].upper() + title[1:]
    caption = f"{title or 'All tasks'}: {metric.title}."
    if name == "accuracy" and groups[0].setup.get("ways"):
        caption += f" Chance is {100 / groups[0].setup['ways']:.1f}."
    return html_text.table(caption, columns, lines)


def bound_table(groups: Sequence[Group]) -> html_text.Html | None:
    """Makes the table of PAC-Bayes bounds, None if there are none."""
    lines = []
    for group in groups:
        bounds = [
            row["pac_bayes"] for row in group.told if row.get("pac_bayes")
        ]
        whole = [bound for bound in bounds if "not_applicable" not in bound]
        if not bounds:
            continue
        numbers = [
            "; ".join(f"{bound[key]:.4g}" for bound in whole)
            for key in ("bound", "even_bound", "kl")
        ]
        reasons = {str(b["not_applicable"]) for b in bounds if b not in whole}
        if whole:
            vacuous = all(
                min(bound["bound"], bound["even_bound"]) >= 1 for bound in whole
            )
            reasons.add("vacuous" if vacuous else "not vacuous")
        lines.append(
            [
                _named(group, groups),
                titles.of_tasks(group.setup),
                *numbers,
                "; ".join(sorted(reasons)),
            ]
        )
    if not lines:
        return None
    return html_text.table(
        "PAC-Bayes bounds on the error on new tasks drawn as those of "
        "meta-train, by seed. An error is the share of wrong answers, or a "
        "squared error as a share of the square of what labels span.",
        [
            html_text.Column("Method", numeric=False),
            html_text.Column("Tasks", numeric=False),
            html_text.Column("Bound"),
            html_text.Column("Delta shared evenly"),
            html_text.Column("KL, nats"),
            html_text.Column("Verdict", numeric=False),
        ],
        lines,
    )


def study_table(results: Sequence[Mapping[str, Any]]) -> html_text.Html:
    """Makes the table of a study of inner rates.

    Args:
        results: of studies that differ by their seed alone.
    """
    cells: dict[tuple[str, float], list[Group]] = {}
    groups = collect(results)
    for group in groups:
        rate = group.setup.get("inner_learning_rate")
        rate = math.nan if rate is None else rate
        cells.setdefault((group.method, rate), []).append(group)
    methods = dict.fromkeys(method for method, _ in cells)
    rates = sorted({rate for _, rate in cells})
    name = report_checks.experiment(results[0])
    lines = [
        [
            titles.of_method(method, name),
            *(_study_cell(cells.get((method, rate), ())) for rate in rates),
        ]
        for method in methods
    ]
    # The setup of a cell that diverged does not name the tasks.
    setup = next((g.setup for g in groups if "" not in g.rows), {})
    return html_text.table(
        f"{titles.of_tasks(setup)}, {titles.value(setup.get('steps'))} steps "
        f"of {titles.value(setup.get('meta_batch_size'))} tasks: accuracy in % "
        "on new tasks (of the meta-validation classes), and behind the stroke "
        "on training tasks with another task’s support.",
        [
            html_text.Column("Inner rate", numeric=False),
            *(
                html_text.Column("none" if math.isnan(rate) else f"{rate:g}")
                for rate in rates
            ),
        ],
        lines,
    )


def _study_cell(groups: Sequence[Group]) -> html_text.Html | str:
    if not groups:
        return ""
    new, other = (
        [
            mean
            for group in groups
            for mean in group.means(split, f"accuracy{kind}")
        ]
        for split, kind in (
            ("meta-validation", ""),
            ("meta-train", "_with_other_support"),
        )
    )
    if not new or not other:
        return "diverged"
    share = 100 * statistics.mean(new)
    return html_text.element(
        "span",
        html_text.element("strong", f"{share:.1f}"),
        html_text.element(
            "span", f" / {100 * statistics.mean(other):.1f}", class_="muted"
        ),
        class_="tint",
        style=f"--share: {share:.0f}%",
    )


def _multitask_table(groups: Sequence[Group]) -> html_text.Html:
    metric = score_metrics.METRICS["accuracy"]
    lines = [
        [
            _named(group, groups, shown=("learning_rate", "steps")),
            titles.value(group.setup.get("learning_rate")),
            titles.value(group.setup.get("steps")),
            _spread(_scores(group, _VALIDATIONS), metric),
            html_text.element("strong", test)
            if (test := _spread(_scores(group, _TESTS), metric))
            else "",
            score_metrics.published(group),
            _by_seed(group, metric),
            _worst_to_best(group),
            _conflicts(group),
        ]
        for group in groups
    ]
    caption = f"{titles.of_tasks(groups[0].setup)}: {metric.title}."
    classes = groups[0].setup.get("classes")
    if classes:
        caption += f" Chance is {100 / classes:.1f}."
    return html_text.table(
        caption,
        [
            html_text.Column("Method", numeric=False),
            *map(
                html_text.Column,
                (
                    *("Rate", "Steps", "Validation", "Test"),
                    "Paper, not comparable",
                ),
            ),
            html_text.Column("Test, by seed", numeric=False),
            html_text.Column("Worst to best task", numeric=False),
            html_text.Column("Conflicts"),
        ],
        lines,
    )


def descent_table(groups: Sequence[Group]) -> html_text.Html | None:
    """Makes the table of where descents of the landscape ended."""
    descents = [group for group in groups if "loss" in group.told[0]]
    metric = score_metrics.Metric("loss", 1, 1, -1)
    lines = [
        [
            _named(group, groups),
            titles.value(group.setup.get("steps")),
            "; ".join(
                "({:.2f}, {:.2f})".format(*row["theta"]) for row in group.told
            ).replace("-", "−"),
            *(
                _spread([row["losses"][task] for row in group.told], metric)
                for task in (0, 1)
            ),
            html_text.element(
                "strong", _spread([row["loss"] for row in group.told], metric)
            ),
        ]
        for group in descents
    ]
    if not lines:
        return None
    return html_text.table(
        "Where the descents ended, and the losses there.",
        [
            html_text.Column("Method", numeric=False),
            *map(
                html_text.Column,
                ("Steps", "End", "Loss of task 1", "of task 2", "of both"),
            ),
        ],
        lines,
    )


def theorem_sentences(groups: Sequence[Group]) -> list[str]:
    """Returns what random pairs of losses said of Theorem 2, for each run."""
    return [
        f"Theorem 2, on {row['pairs']:,} random pairs of quadratic losses: "
        f"{row['conditions_met']:,} met its conditions, and for "
        f"{row['conclusion_holds']:,} of these PCGrad’s step was no worse "
        "than the plain one, as it says; so it was for "
        f"{100 * row['conclusion_holds_otherwise']:.0f} % of the others."
        for group in groups
        for row in group.told
        if "pairs" in row
    ]


def settings_table(groups: Sequence[Group]) -> html_text.Html | None:
    """Makes the table of all settings of the methods of a run."""
    methods = list(dict.fromkeys(group.method for group in groups))
    given: dict[str, dict[str, list[str]]] = {}
    for group in groups:
        for name, value in group.told[0].get("settings", {}).items():
            values = given.setdefault(name, {}).setdefault(group.method, [])
            if titles.value(value) not in values:
                values.append(titles.value(value))
    lines = [
        [
            titles.of_setting(name),
            *(", ".join(values.get(method, ())) for method in methods),
        ]
        for name, values in given.items()
        if any(any(found) for found in values.values())
    ]
    if not lines:
        return None
    columns = [
        html_text.Column("Setting", numeric=False),
        *(
            html_text.Column(
                titles.of_method(method, _experiment_of(groups[0]))
            )
            for method in methods
        ),
    ]
    return html_text.table("Settings of the methods.", columns, lines)


def _named(
    group: Group, groups: Collection[Group], shown: Collection[str] = ()
) -> html_text.Html:
    """Returns a method's title and what its other lines in a table differ by.

    Args:
        group: the line.
        groups: all lines.
        shown: settings that have columns.
    """
    same = [other for other in groups if other.method == group.method]
    differing = [
        titles.said(name, value)
        for name, value in group.setup.items()
        if name not in (*shown, *_OF_EVALUATION, *seed_groups.PROBLEM)
        and any(
            other.setup.get(name, value) != value
            for other in same
            if other is not group
        )
    ]
    title = titles.of_method(group.method, _experiment_of(group))
    if not differing:
        return html_text.element("span", title)
    return html_text.element(
        "span",
        title,
        html_text.element("small", f" {', '.join(differing)}"),
    )


def _scores(group: Group, splits: Iterable[str]) -> list[float]:
    name = report_checks.metric(group.told[0])
    return [mean for split in splits for mean in group.means(split, name)]


def _tested(group: Group) -> bool:
    return bool(_scores(group, _TESTS))


def _validated(group: Group) -> tuple[float, int]:
    """Returns what sorts a method's settings by validation, and seeds."""
    scores = _scores(group, _VALIDATIONS)
    if not scores or not all(map(math.isfinite, scores)):
        return -math.inf, len(scores)
    return score_metrics.of(group).sign * statistics.mean(scores), len(scores)


def _spread(values: Sequence[float], metric: score_metrics.Metric) -> str:
    if not all(map(math.isfinite, values)):
        return "not finite"
    return text_table.spread(
        [metric.factor * value for value in values], metric.decimals
    ).replace("-", "−")


def _by_seed(
    group: Group, metric: score_metrics.Metric
) -> html_text.Html | str:
    """Returns each seed's score with its interval."""
    name = report_checks.metric(group.told[0])
    texts = []
    for split in _TESTS:
        for row in group.rows.get(split, ()):
            text = f"{metric.factor * row[name]['mean']:.{metric.decimals}f}"
            if row[name].get("ci95") is not None:
                half = metric.factor * row[name]["ci95"]
                text += f" ± {half:.{metric.decimals}f}"
            texts.append(html_text.element("span", text, class_="whole"))
    return html_text.join(texts, ", ") if texts else ""


def _calibration(group: Group) -> str:
    shares = [
        row["ece"]
        for row in group.rows.get("meta-test", ())
        if row.get("ece") is not None
    ]
    return _spread(shares, score_metrics.Metric("", 100, 1, -1))


def _conflicts(group: Group) -> str:
    told = [row for row in group.told if row.get("conflicts")]
    return multitask_report.conflicts(told)


def _worst_to_best(group: Group) -> str:
    tasks = {tuple(row["task_accuracy"]) for row in group.told}
    # Of other tasks there is no common range.
    return multitask_report.worst_to_best(group.told) if len(tasks) == 1 else ""


def _experiment_of(group: Group) -> str:
    return str(group.setup.get("experiment", ""))


def _experiment(problems: Mapping[str, Sequence[Group]]) -> str:
    return _experiment_of(next(iter(problems.values()))[0])


def _source_title(problems: Mapping[str, Sequence[Group]]) -> str:
    first = next(iter(problems.values()))[0].setup
    return titles.of_tasks(
        {k: v for k, v in first.items() if k not in ("ways", "shots")}
    )


def _source(group: Group) -> str:
    """Returns what groups share whose tasks differ by their size alone."""
    return repr(
        [
            group.setup.get(name)
            for name in seed_groups.PROBLEM
            if name not in ("ways", "shots")
        ]
    )


def _problem(group: Group) -> str:
    return repr([group.setup.get(name) for name in seed_groups.PROBLEM])


def _partition(
    groups: Iterable[Group], key: Callable[[Group], str]
) -> dict[str, list[Group]]:
    parts: dict[str, list[Group]] = {}
    for group in groups:
        parts.setdefault(key(group), []).append(group)
    return parts

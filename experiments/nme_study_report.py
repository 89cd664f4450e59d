"""The table and the picture of the study of inner rates."""

import itertools
import pathlib
from typing import Any

from experiments.few_shot import methods as nme_methods
from experiments.figures import drawing

_PANELS = (
    ("meta-validation", "accuracy", "new tasks, adapted"),
    (
        "meta-train",
        "accuracy_with_other_support",
        "training tasks, with another task's support",
    ),
)
_DIVERGED = "diverged"
_NOTE = """\
Accuracy in % on new tasks (meta-validation), and behind the stroke that on
training tasks with another task's support set: where this is high the learner
has memorized."""


def cell(rows: list[dict[str, Any]]) -> str:
    """Returns one cell's rows as a line."""
    title = nme_methods.METHODS[rows[0]["method"]].title
    rate = rows[0]["settings"]["inner_learning_rate"]
    scores = _scores(rows)
    if scores is None:
        return f"{title}, inner rate {rate:g}: {_DIVERGED}"
    new, other = (100 * score for score in scores)
    return (
        f"{title}, inner rate {rate:g}: {new:.1f} % on new tasks, {other:.1f} "
        "on training tasks with other support"
    )


def table(rows: list[dict[str, Any]], *, markdown: bool = False) -> str:
    """Returns the scores as text, a line for each method.

    Args:
        rows: of all cells.
        markdown: whether as a Markdown table, without the note.
    """
    cells = _by_cell(rows)
    methods = list(dict.fromkeys(method for method, _ in cells))
    rates = sorted({rate for _, rate in cells})
    lines = [["inner rate", *(f"{rate:g}" for rate in rates)]]
    lines += [
        [
            nme_methods.METHODS[method].title,
            *(
                _text(cells[method, rate]) if (method, rate) in cells else ""
                for rate in rates
            ),
        ]
        for method in methods
    ]
    if markdown:
        lines.insert(1, ["---", *("---:" for _ in rates)])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(
                    entry.rjust(width)
                    for entry, width in zip(line[1:], widths[1:], strict=True)
                ),
            ]
        )
        for line in lines
    ]
    return "\n".join([*text, "", _NOTE])


def draw(rows: list[dict[str, Any]], file: pathlib.Path) -> None:
    """Draws accuracy against the inner rate, one line a method."""
    pyplot = drawing.load_pyplot()

    cells = _by_cell(rows)
    methods = list(dict.fromkeys(method for method, _ in cells))
    figure, panels = pyplot.subplots(
        1, 2, figsize=(11, 4.5), sharey=True, layout="constrained"
    )
    markers = itertools.cycle(drawing.MARKERS)
    marker_of = dict(zip(methods, markers, strict=False))
    for number, (axes, (*_, title)) in enumerate(
        zip(panels, _PANELS, strict=True)
    ):
        for method, marker in marker_of.items():
            points = [
                (rate, 100 * scores[number])
                for (name, rate), scores in sorted(cells.items())
                if name == method and scores is not None
            ]
            axes.plot(
                *zip(*points, strict=True),
                marker=marker,
                label=nme_methods.METHODS[method].title,
            )
        axes.set(xscale="log", xlabel="inner learning rate", title=title)
        axes.set(ylim=(0, 100))
    panels[0].set_ylabel("accuracy, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _by_cell(
    rows: list[dict[str, Any]],
) -> dict[tuple[str, float], tuple[float, ...] | None]:
    """Returns the two scores of each method and rate; None if it diverged."""
    grouped: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        key = row["method"], row["settings"]["inner_learning_rate"]
        grouped.setdefault(key, []).append(row)
    return {key: _scores(group) for key, group in grouped.items()}


def _scores(rows: list[dict[str, Any]]) -> tuple[float, ...] | None:
    by_split = {row.get("split"): row for row in rows}
    if any(row.get(_DIVERGED) for row in rows):
        return None
    return tuple(by_split[split][key]["mean"] for split, key, _ in _PANELS)


def _text(scores: tuple[float, ...] | None) -> str:
    if scores is None:
        return _DIVERGED
    return " / ".join(f"{100 * score:.1f}" for score in scores)

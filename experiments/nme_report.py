"""The table and the pictures of the experiment on non-exclusive tasks."""

import pathlib
from typing import Any

from experiments import nme_methods, pac_bayes
from experiments.figures import drawing
from experiments.run import text_table

# (dataset, construction, ways, shots, method) -> accuracy on meta-test tasks.
# Yin et al. 2020, table 4, and for exclusive tasks Finn et al. 2017, table 1.
_OMNIGLOT_FIXED = ("omniglot", "fixed_label_per_class")
_OMNIGLOT_EXCLUSIVE = ("omniglot", "mutually_exclusive")
_PAPER = {
    (*_OMNIGLOT_FIXED, 20, 1, "maml"): 0.078,
    (*_OMNIGLOT_FIXED, 20, 1, "taml"): 0.096,
    (*_OMNIGLOT_FIXED, 20, 1, "mr_maml_w"): 0.833,
    (*_OMNIGLOT_FIXED, 20, 5, "maml"): 0.507,
    (*_OMNIGLOT_FIXED, 20, 5, "taml"): 0.679,
    (*_OMNIGLOT_FIXED, 20, 5, "mr_maml_w"): 0.941,
    (*_OMNIGLOT_EXCLUSIVE, 5, 1, "maml"): 0.987,
    (*_OMNIGLOT_EXCLUSIVE, 20, 1, "maml"): 0.958,
}

_COLUMNS = (
    ("before", "accuracy_before_adaptation"),
    ("other support", "accuracy_with_other_support"),
    ("adapted", "accuracy"),
)

_NOTE = """\
before: without adaptation. other support: with another task's support set.
A learner that is right there on meta-train tasks has memorized: it does not use
the support set, and is at chance on meta-test tasks.
NLL: negative log-likelihood in nats, ECE: expected calibration error; both of
the predictions after adaptation."""
_CONTROL_NOTE = """\
The control is the network of MR-MAML(W) at its settings, without noise and KL:
what it scores above MAML is owed to the unadapted encoder and the inner rate,
and only the rest to the regularization."""


def paper_accuracy(
    method: str,
    *,
    dataset: str,
    construction: str,
    ways: int,
    shots: int,
    split: str,
) -> float | None:
    """Returns the published accuracy on these tasks, if there is one."""
    if split != "meta-test":
        return None
    return _PAPER.get((dataset, construction, ways, shots, method))


def table(rows: list[dict[str, Any]]) -> str:
    """Returns the results as text, a line for each method and split."""
    header = [
        *("method", "tasks", *(title for title, _ in _COLUMNS)),
        *("paper", "NLL", "ECE, %"),
    ]
    lines = []
    for row in rows:
        paper = row["paper"]
        lines.append(
            [
                nme_methods.METHODS[row["method"]].title,
                row["split"],
                *(text_table.percent(row[key]) for _, key in _COLUMNS),
                "" if paper is None else f"{100 * paper:.1f}",
                f"{row['nll']['mean']:.2f}" if "nll" in row else "",
                f"{100 * row['ece']:.1f}" if "ece" in row else "",
            ]
        )
    notes = [_NOTE]
    if {"control", "mr_maml_w"} <= {row["method"] for row in rows}:
        notes.append(_CONTROL_NOTE)
    notes += _conflict_notes(rows)
    notes += pac_bayes.notes(
        rows,
        {name: method.title for name, method in nme_methods.METHODS.items()},
    )
    return "\n".join(
        [
            f"Accuracy in % with its 95% interval; chance is "
            f"{100 / rows[0]['ways']:.1f}",
            *text_table.plain(header, lines, flush_left=2),
            *notes,
        ]
    )


def _conflict_notes(rows: list[dict[str, Any]]) -> list[str]:
    """Returns a line for each method that looked at its tasks' gradients."""
    shares = {
        nme_methods.METHODS[row["method"]].title: row["conflicts"][
            "conflicting_pairs"
        ]
        for row in rows
        if row["conflicts"]
    }
    return [
        f"{title}: {100 * share:.0f} % of the pairs of tasks of a meta-batch "
        "had gradients in conflict."
        for title, share in shares.items()
    ]


def draw(
    rows: list[dict[str, Any]],
    curves: dict[str, list[dict[str, float]]],
    folder: pathlib.Path,
) -> None:
    """Writes `accuracy.png` (bars) and `curves.png` (learning curves)."""
    pyplot = drawing.load_pyplot()

    _draw_bars(rows, pyplot, folder / "accuracy.png")
    _draw_curves(rows[0]["ways"], curves, pyplot, folder / "curves.png")


def _draw_bars(rows, pyplot, file: pathlib.Path) -> None:
    """Draws what tells memorization from adaptation, method by method."""
    found = {row["split"] for row in rows}
    all_bars = (
        (
            "meta-train",
            "accuracy_before_adaptation",
            "train, before",
            "#c9c9c9",
        ),
        (
            "meta-train",
            "accuracy_with_other_support",
            "train, other support",
            "#e8a33d",
        ),
        ("meta-train", "accuracy", "train, adapted", "#7fb2d9"),
        ("meta-validation", "accuracy", "validation, adapted", "#4682b4"),
        ("meta-test", "accuracy", "test, adapted", "#1f5f99"),
    )
    bars = [bar for bar in all_bars if bar[0] in found]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    by_key = {(row["method"], row["split"]): row for row in rows}
    figure, axes = pyplot.subplots(
        figsize=(2.5 + 1.6 * len(methods), 4), layout="constrained"
    )
    width = 0.8 / len(bars)
    for number, (split, key, label, color) in enumerate(bars):
        scores = [by_key[method, split][key] for method in methods]
        axes.bar(
            [
                i + (number - (len(bars) - 1) / 2) * width
                for i in range(len(methods))
            ],
            [100 * score["mean"] for score in scores],
            width,
            yerr=[100 * score["ci95"] for score in scores],
            label=label,
            color=color,
        )
    _draw_chance(axes, rows[0]["ways"])
    axes.set_xticks(
        range(len(methods)),
        [nme_methods.METHODS[m].title.replace(": ", ":\n") for m in methods],
    )
    axes.set(ylabel="accuracy, %", ylim=(0, 100))
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.2))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _draw_curves(ways: int, curves, pyplot, file: pathlib.Path) -> None:
    """Draws accuracy against steps, on training and on validation tasks."""
    figure, panels = pyplot.subplots(
        1, 2, figsize=(10, 4), sharey=True, layout="constrained"
    )
    for axes, key, title in zip(
        panels,
        ("accuracy", "val_accuracy"),
        ("meta-train tasks, adapted", "meta-validation tasks, adapted"),
        strict=True,
    ):
        for method, curve in curves.items():
            axes.plot(
                [point["step"] for point in curve],
                [100 * point[key] for point in curve],
                label=nme_methods.METHODS[method].title,
            )
        _draw_chance(axes, ways)
        axes.set(title=title, xlabel="outer steps", ylim=(0, 100))
    panels[0].set_ylabel("accuracy, %")
    panels[1].legend()
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _draw_chance(axes, ways: int) -> None:
    axes.axhline(100 / ways, color="black", linewidth=0.8, linestyle=":")

"""Pictures of what `tfmeta.training.ConflictMonitor` saw."""

import pathlib
from collections.abc import Mapping, Sequence

from experiments.figures import drawing
from experiments.run import contract, training

# For each panel its title and, for the lines in it, their keys, names and
# styles. The second is the middle of figure 4 of Yu et al. 2020, the last its
# left.
_PANELS = (
    ("pairs of tasks, %", (("conflicting_pairs", "in conflict", "-"),)),
    (
        "conflicting pairs, %",
        (
            ("condition_a", "(a) cosine ≤ -Φ", ":"),
            ("condition_b", "(b) ξ ≤ 1", "--"),
        ),
    ),
    (
        "all pairs",
        (
            ("gradient_cosine", "cosine", "-"),
            ("magnitude_similarity", "similarity of lengths Φ", "--"),
        ),
    ),
    ("along the steps", (("curvature", "curvature H", "-"),)),
)


def _draw_runs(run: contract.Run, file: pathlib.Path) -> None:
    curves = {
        ", ".join(filter(None, [title, network])): points
        for title, curve in run.by_title("curve").items()
        for network, points in training.by_network(curve).items()
    }
    if curves:
        draw_conflicts(curves, file)


def draw_conflicts(
    curves: Mapping[str, Sequence[Mapping[str, float]]], file: pathlib.Path
) -> None:
    """Draws how much tasks conflicted in the course of training.

    Args:
        curves: for each line's label one dict an epoch: its `"step"`, and what
            the monitor put into its logs; the curvature may be missing.
        file: what to write, in a format that its suffix names.
    """
    pyplot = drawing.load_pyplot()
    panels = [
        panel
        for panel in _PANELS
        if any(panel[1][0][0] in point for c in curves.values() for point in c)
    ]
    figure, all_axes = pyplot.subplots(
        1,
        len(panels),
        figsize=(4 * len(panels), 4),
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, lines) in zip(all_axes[0], panels, strict=True):
        in_percent = title.endswith("%")
        for number, (label, curve) in enumerate(curves.items()):
            for key, name, style in lines:
                points = [point for point in curve if key in point]
                axes.plot(
                    [point["step"] for point in points],
                    [
                        point[key] * (100 if in_percent else 1)
                        for point in points
                    ],
                    style,
                    color=f"C{number}",
                    label=f"{label}: {name}",
                )
        axes.set(title=title, xlabel="steps")
        if in_percent:
            axes.set_ylim(-3, 103)
        else:
            axes.axhline(0, color="black", linewidth=0.8, linestyle=":")
        axes.legend(fontsize="small")
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def draw_cosines(
    cosines: Sequence[Sequence[float]],
    task_names: Sequence[str],
    file: pathlib.Path,
) -> None:
    """Draws which tasks conflict with which.

    Args:
        cosines: `[tasks, tasks]`, of the angles between their gradients.
        task_names: the tasks' names.
        file: what to write, in a format that its suffix names.
    """
    pyplot = drawing.load_pyplot()
    others = [
        abs(cosine)
        for row, values in enumerate(cosines)
        for column, cosine in enumerate(values)
        if row != column
    ]
    limit = max([*others, 1e-3])
    size = 2.5 + 0.25 * len(task_names)
    figure, axes = pyplot.subplots(
        figsize=(size + 1, size), layout="constrained"
    )
    # Of a task with itself it is 1, and tells nothing.
    image = axes.imshow(cosines, cmap="RdBu", vmin=-limit, vmax=limit)
    axes.set_xticks(range(len(task_names)), task_names, rotation=90)
    axes.set_yticks(range(len(task_names)), task_names)
    axes.set_title("cosine of gradients")
    figure.colorbar(image, shrink=0.8)
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


CONFLICTS = contract.Picture(
    "conflicts",
    "Conflicts between the gradients of tasks during training",
    _draw_runs,
)

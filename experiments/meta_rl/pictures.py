"""What policies do before and after adapting."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from experiments.figures import bars, drawing
from experiments.meta_rl import render_worker
from experiments.run import contract
from tfmeta import errors
from tfmeta.tasks.poses import backends

_FRAMES = 8


def _draw_curves(run: contract.Run, file: pathlib.Path) -> None:
    """Draws returns in training before and after adapting."""
    pyplot = drawing.load_pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for number, (method, curve) in enumerate(run.by_title("curve").items()):
        for name, style in (("return_before", ":"), ("return_after", "-")):
            if curve:
                axes.plot(
                    [point["step"] for point in curve],
                    [point[name] for point in curve],
                    style,
                    color=f"C{number}",
                    label=f"{method}, {name.partition('_')[2]}",
                )
    axes.set(xlabel="outer steps", ylabel=run.experiment.metric.title)
    if axes.lines:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _draw_adapting(run: contract.Run, file: pathlib.Path) -> None:
    """Draws returns against the episodes of a trial, a panel for each split."""
    pyplot = drawing.load_pyplot()
    curves = run.by_title("adapting")
    splits = list(next(iter(curves.values()))) if curves else []
    figure, panels = pyplot.subplots(
        1,
        max(1, len(splits)),
        figsize=(2.5 + 4 * max(1, len(splits)), 4),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, split in zip(panels[0], splits, strict=False):
        for method, by_split in curves.items():
            axes.plot(
                [point["episodes"] for point in by_split[split]],
                [point["return"] for point in by_split[split]],
                ".-",
                label=method,
            )
        axes.set(title=split, xlabel="episodes of a trial")
    panels[0, 0].set_ylabel(run.experiment.metric.title)
    if splits:
        panels[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _draw_frames(run: contract.Run, file: pathlib.Path) -> None:
    """Draws strips of frames of each method's policy in each task."""
    strips = [
        (f"{method}, {clip['name']}", clip)
        for method, clips in run.by_title("clips").items()
        for clip in clips
    ]
    try:
        frames, places = _render(
            run.problem.draws, [clip for _, clip in strips]
        )
    except errors.InputError as error:
        print(f"No frames were drawn. {error}")
        return
    pyplot = drawing.load_pyplot()
    figure, panels = pyplot.subplots(
        len(strips),
        _FRAMES,
        figsize=(1 + 1.2 * _FRAMES, 1.5 * len(strips)),
        squeeze=False,
        layout="constrained",
    )
    for row, (title, _), images, at in zip(
        panels, strips, frames, places, strict=True
    ):
        row[0].set_ylabel(title.replace(", ", ",\n"), fontsize="small")
        for axes, image, place in zip(row, images, at, strict=True):
            axes.imshow(image)
            # It is always in the middle of the picture.
            axes.set_title(f"{place:+.1f} m", fontsize="small")
            axes.set(xticks=[], yticks=[])
    drawing.save_small(figure, file, dpi=90)
    pyplot.close(figure)


def _render(
    environment: str, clips: list[dict]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns pictures of clips.

    Returns:
        The frames of each clip, `[frames, height, width, 3]`, and where it was
        then, in m along its way, `[clips, frames]`.

    Raises:
        InputError: if there is nothing to render through.
    """
    backend = backends.choose_backend()
    with tempfile.TemporaryDirectory() as folder:
        source, target = (pathlib.Path(folder, n) for n in ("in", "out"))
        source.write_text(json.dumps({"clips": clips, "frames": _FRAMES}))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                render_worker.__name__,
                environment,
                source,
                target,
            ],
            cwd=folder,  # MuJoCo writes a log of its own where it runs.
            capture_output=True,
            text=True,
            env=os.environ
            | {
                "MUJOCO_GL": backend,
                "PYOPENGL_PLATFORM": backend,
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
            },
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise errors.InputError(
                f"backend: MuJoCo cannot render through {backend} "
                f"({lines[-1] if lines else done.returncode})"
            )
        with np.load(target, allow_pickle=False) as found:
            return [found[f"arr_{n}"] for n in range(len(clips))], found[
                "places"
            ]


CURVES = contract.Picture("curves", "Returns in training", _draw_curves)
ADAPTING = contract.Picture(
    "adapting", "Returns after so many episodes in a task", _draw_adapting
)
FRAMES = contract.Picture(
    "frames", "One policy after adapting to each task", _draw_frames
)


def returns(split: str) -> contract.Picture:
    """Returns the picture of returns before and after adapting, as bars.

    Args:
        split: of which tasks.
    """
    return bars.picture(
        bars.Bar(split, "return_before_adaptation", "before", "0.7"),
        bars.Bar(split, "return", "after", "C0"),
    )

"""Runs an experiment at each of several values of some of its settings.

A cell, a method at one value of each swept setting, is a run of the
experiment's command in a process of its own, several of them side by side. A
study that was stopped goes on when it is asked for again, in the midst of a
cell if need be, and more methods and values may be asked for then.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.run import (
    cli,
    contract,
    main_loop,
    printed,
    rows,
    run_folder,
    settings,
    side_by_side,
)
from experiments.run import flags as run_flags
from tfmeta import errors


class Cell(NamedTuple):
    """A cell of a study.

    Attributes:
        method: name of the method.
        values: of each swept setting one, by name.
    """

    method: str
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of its folder within the study's."""
        shown = (
            f"{value:g}" if isinstance(value, float) else str(value)
            for value in self.values.values()
        )
        return "_".join([self.method, *shown])


def settings_of(study: contract.Study) -> list[settings.Setting]:
    """Returns all settings that the study's command has flags for."""
    defaults = {
        **study.defaults,
        "methods": list(study.chosen),
        "jobs": 0,
    }
    return [
        *settings.with_defaults(
            main_loop.settings_of(study.experiment), defaults
        ),
        *(
            settings.values(
                sweep.flag,
                sweep.values,
                sweep.help,
                _swept_setting(study, sweep),
            )
            for sweep in study.sweeps
        ),
    ]


def run(study: contract.Study, values: contract.Values) -> None:
    """Runs the cells of a study and writes what came of them.

    Args:
        study: what to run.
        values: those of `settings_of`, by name.

    Raises:
        InputError: if a value is wrong, a cell fails, or the folder is that of
            another study.
    """
    _check(study, values)
    cells = [
        Cell(
            method,
            dict(
                zip(
                    (sweep.setting for sweep in study.sweeps),
                    swept,
                    strict=True,
                )
            ),
        )
        for swept in itertools.product(
            *(values[sweep.flag] for sweep in study.sweeps)
        )
        for method in values["methods"]
    ]
    folder = main_loop.open_folder(study.name, study.experiment, values)
    results = _run_cells(study, values, cells, folder)
    folder.write_results(results)
    finished = contract.Run(study.experiment, None, results, {}, folder.path)
    for picture in study.pictures:
        picture.draw(finished, folder.path / f"{picture.name}.png")
    print()
    print(printed.of_study(study, [{"rows": results}]).plain())
    print(study.note)
    print(f"\nResults, picture and runs are in {folder.path}")


def _check(study: contract.Study, values: contract.Values) -> None:
    hyperparameters = {
        setting.name for setting in study.experiment.hyperparameters
    }
    for sweep in study.sweeps:
        name = sweep.setting
        if values[name] != _swept_setting(study, sweep).default:
            raise errors.InputError(
                f"--{name}: a study has several; give --{sweep.flag}"
            )
        for method in values["methods"]:
            known = study.experiment.methods[method].settings
            if name in hyperparameters and name not in known:
                raise errors.InputError(
                    f"--methods: {method!r} has no {name.replace('_', ' ')} to "
                    "study"
                )


def _swept_setting(
    study: contract.Study, sweep: contract.Sweep
) -> settings.Setting:
    (setting,) = (
        setting
        for setting in main_loop.fixing(study.experiment)
        if setting.name == sweep.setting
    )
    return setting


def _run_cells(
    study: contract.Study,
    values: contract.Values,
    cells: Sequence[Cell],
    folder: run_folder.RunFolder,
) -> list[rows.Row]:
    """Runs the cells that have not been run; returns the rows of all."""
    results = {cell.name: folder.read_results(cell.name) for cell in cells}
    left = [cell for cell in cells if results[cell.name] is None]
    print(
        f"{len(cells)} cells, {len(cells) - len(left)} of them done before. "
        f"Writing to {folder.path}",
        flush=True,
    )
    commands = [_command(study, values, cell, folder) for cell in left]
    started = time.monotonic()
    for number, (index, status) in enumerate(
        side_by_side.run(commands, jobs=values["jobs"] or cli.cores()), start=1
    ):
        cell, log = left[index], commands[index].log
        if status == cli.DIVERGED:
            row = main_loop.diverged(
                study.experiment,
                cell.method,
                {**values, **cell.values},
                side_by_side.last_line(log).removeprefix("error: "),
            )
            folder.write_results([row], cell.name)
        elif status:
            raise errors.InputError(
                f"{cell.name} ended with status {status}: "
                f"{side_by_side.last_line(log)} (see {log})"
            )
        results[cell.name] = folder.read_results(cell.name)
        seconds = (time.monotonic() - started) / number
        print(
            f"[{number}/{len(left)}] "
            f"{_line(study, cell, results[cell.name] or [])}; "
            f"{seconds * (len(left) - number) / 60:.0f} min left",
            flush=True,
        )
    return [row for cell in cells for row in results[cell.name] or []]


def _command(
    study: contract.Study,
    values: contract.Values,
    cell: Cell,
    folder: run_folder.RunFolder,
) -> side_by_side.Command:
    path = folder.path / cell.name
    known = main_loop.settings_of(study.experiment)
    own = {
        **cell.values,
        "methods": [cell.method],
        "out": str(path),
        "jobs": 1,
    }
    return side_by_side.Command(
        f"experiments.{study.experiment.name}",
        [
            *run_flags.write(known, {**values, **own}),
            *side_by_side.ONE_THREAD,
        ],
        path.with_name(f"{path.name}.log"),
    )


def _line(
    study: contract.Study, cell: Cell, results: Sequence[rows.Row]
) -> str:
    """Returns what a cell scored, in one line."""
    titles = study.experiment.setting_titles
    at = ", ".join(
        f"{titles.get(name, name)} {value}"
        for name, value in cell.values.items()
    )
    by_split = {row["split"]: row["metrics"] for row in results}
    scores = []
    for score in study.scores:
        metric = study.experiment.find_metric(score.metric)
        measured = by_split.get(score.split, {}).get(score.metric)
        if measured is not None:
            shown = metric.factor * measured["mean"]
            scores.append(f"{shown:.{metric.decimals}f} on {score.title}")
    title = study.experiment.methods[cell.method].title
    return f"{title}, {at}: {', '.join(scores) or 'diverged'}"

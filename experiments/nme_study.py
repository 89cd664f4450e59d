r"""Where does a meta-learner memorize? Accuracy against the inner rate.

Trains every method at every inner learning rate on non-mutually-exclusive
tasks, and scores it on new tasks of the meta-validation classes, with their own
support sets and with another task's. The meta-test classes are left for the
settings that are chosen by this.

    ./bazelw run //experiments:nme_study
    ./bazelw run //experiments:nme_study -- --dataset=omniglot \
        --data_dir=/data/tfds --shots=5 --meta_batch_size=4

A cell, one method at one rate, is a run of `nme_classification` on one core in
a process of its own, several of them side by side; the flags of that command
are those of all cells. A study that was stopped goes on when the same command
is given again, in the midst of a cell if need be, and more methods and rates
may be asked for then.
"""

import time
from typing import Any

from absl import flags

from experiments import (
    nme_classification,
    nme_methods,
    nme_study_report,
    run_folder,
)
from experiments.run import cli, side_by_side
from tfmeta import errors

_INNER_LEARNING_RATES = flags.DEFINE_list(
    "inner_learning_rates",
    ["0.01", "0.03", "0.1", "0.4"],
    "Comma-separated list of step sizes of the inner loop.",
)
_JOBS = flags.DEFINE_integer(
    "jobs",
    0,
    "Cells to run side by side; 0 for one per core.",
    lower_bound=0,
)
flags.FLAGS.set_default(
    "methods",
    # Surgery on the gradients of tasks is another question than the inner rate.
    [
        name
        for name, method in nme_methods.METHODS.items()
        if method.has_inner_loop and not method.aggregator
    ],
)
flags.FLAGS.set_default("eval_splits", ["meta-train", "meta-validation"])
# What a cell has of its own.
_CELL_FLAGS = ("methods", "inner_learning_rate", "out")


def main() -> None:
    """Runs the cells and writes what came of them."""
    if flags.FLAGS.inner_learning_rate is not None:
        raise errors.InputError(
            "--inner_learning_rate: a study has several; give "
            "--inner_learning_rates"
        )
    methods = cli.chosen(flags.FLAGS["methods"], nme_methods.METHODS)
    for name in methods:
        if not nme_methods.METHODS[name].has_inner_loop:
            raise errors.InputError(
                f"--methods: {name!r} has no inner learning rate to study"
            )
    rates = _rates()
    folder = run_folder.RunFolder(
        nme_classification.out("nme_study"), nme_classification.config()
    )
    cells = [(method, rate) for rate in rates for method in methods]
    rows = _run_cells(cells, folder)
    folder.write_results(rows)
    nme_study_report.draw(rows, folder.path / "study.png")
    print()
    print(nme_study_report.table(rows))
    print(f"\nResults, picture and runs are in {folder.path}")


def _run_cells(
    cells: list[tuple[str, float]], folder: run_folder.RunFolder
) -> list[dict[str, Any]]:
    """Runs the cells that have not been run; returns the rows of all."""
    rows = {cell: _read_rows(cell, folder) for cell in cells}
    left = [cell for cell in cells if rows[cell] is None]
    print(
        f"{len(cells)} cells, {len(cells) - len(left)} of them done before. "
        f"Writing to {folder.path}",
        flush=True,
    )
    commands = [_command(cell, folder) for cell in left]
    started = time.monotonic()
    for number, (index, status) in enumerate(
        side_by_side.run(commands, jobs=_JOBS.value or cli.cores()), start=1
    ):
        cell = left[index]
        if status == cli.DIVERGED:
            folder.write_json(
                f"{_cell_name(cell)}/results.json", {"rows": [_diverged(cell)]}
            )
        elif status:
            log = commands[index].log
            raise errors.InputError(
                f"{_cell_name(cell)} ended with status {status}: "
                f"{side_by_side.last_line(log)} (see {log})"
            )
        rows[cell] = found = _read_rows(cell, folder) or []
        seconds = (time.monotonic() - started) / number
        print(
            f"[{number}/{len(left)}] {nme_study_report.cell(found)}; "
            f"{seconds * (len(left) - number) / 60:.0f} min left",
            flush=True,
        )
    return [row for cell in cells for row in rows[cell] or []]


def _command(
    cell: tuple[str, float], folder: run_folder.RunFolder
) -> side_by_side.Command:
    method, rate = cell
    common = [
        flag.serialize()
        for flag in flags.FLAGS.get_key_flags_for_module(
            nme_classification.__name__
        )
        if flag.name not in _CELL_FLAGS and flag.value is not None
    ]
    path = folder.path / _cell_name(cell)
    return side_by_side.Command(
        nme_classification.__name__,
        [
            *common,
            f"--methods={method}",
            f"--inner_learning_rate={rate}",
            f"--out={path}",
            "--intra_op_threads=1",
            "--inter_op_threads=1",
        ],
        path.with_name(f"{path.name}.log"),
    )


def _read_rows(
    cell: tuple[str, float], folder: run_folder.RunFolder
) -> list[dict[str, Any]] | None:
    results = folder.read_json(f"{_cell_name(cell)}/results.json")
    return results and results["rows"]


def _diverged(cell: tuple[str, float]) -> dict[str, Any]:
    """Returns the one row of a cell whose loss became NaN."""
    method, rate = cell
    return {
        "method": method,
        "settings": {"inner_learning_rate": rate},
        "diverged": True,
    }


def _cell_name(cell: tuple[str, float]) -> str:
    method, rate = cell
    return f"{method}_{rate:g}"


def _rates() -> list[float]:
    given = _INNER_LEARNING_RATES.value
    try:
        rates = [float(rate) for rate in given]
    except ValueError:
        rates = []
    if not rates or not all(0 < rate < float("inf") for rate in rates):
        raise errors.InputError(
            f"--inner_learning_rates={','.join(given)}: expected numbers above "
            "0, such as 0.01,0.1"
        )
    return sorted(set(rates))


if __name__ == "__main__":
    cli.run(main)

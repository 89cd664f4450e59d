"""Batches of runs: those of a command that differ by their seed alone."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from experiments.reporting.run_files import Run
from experiments.run import columns, contract, groups

Batch = Sequence[Run]


def collect(
    runs: Iterable[Run], experiment: contract.Experiment
) -> list[Batch]:
    """Puts runs together that differ by their seed alone.

    Args:
        runs: of one command.
        experiment: what it runs.

    Returns:
        The batches, each by seed; those that compare most methods first.
    """

    def key(run: Run) -> list[Any]:
        flags = run.result["config"].items()
        learned = (
            [row["method"], row["problem"], row["settings"]] for row in run.rows
        )
        return [
            sorted(map(repr, learned)),
            {k: v for k, v in flags if k != "seed" and v is not None},
        ]

    def place(batch: Batch) -> tuple[Any, ...]:
        tasks = groups.place(batch[0].rows[0]["problem"], experiment)
        return -len(batch[0].methods), tasks, batch[0].name

    batches = groups.partition(runs, key)
    return sorted(
        (sorted(batch, key=lambda run: run.seed) for batch in batches),
        key=place,
    )


def call(run: Run, command: contract.Command) -> str:
    """Returns what to type to run it again.

    Args:
        run: a run.
        command: its command.
    """
    flags: dict[str, Any] = {"methods": run.methods}
    if isinstance(command, contract.Study):
        for sweep in command.sweeps:
            values = {
                columns.show_value(value): groups.sortable(value)
                for row in run.rows
                for asked in [
                    {"seed": row["seed"]}
                    | row["problem"]
                    | row["budget"]
                    | row["settings"]
                ]
                for value in [asked.get(sweep.setting)]
            }
            flags[sweep.flag] = sorted(values, key=values.__getitem__)
    lines = [f"./bazelw run //experiments:{command.name} --"]
    for name, value in (flags | run.result["config"]).items():
        items = value if isinstance(value, list) else [value]
        text = ",".join(map(columns.show_value, items))
        text = text.lower() if isinstance(value, bool) else text
        if value is not None:
            lines.append(f"  --{name}={shlex.quote(text)}")
    return " \\\n".join(lines)

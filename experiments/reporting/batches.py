"""Runs of a command that differ by their seed alone."""

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from experiments.reporting import run_files
from experiments.run import columns, contract, groups


@dataclasses.dataclass(frozen=True)
class Batch:
    """Runs of one command that differ by their seed alone.

    Attributes:
        number: by which the page refers to it, from 1.
        command: what was run.
        runs: by seed.
        groups: their rows, those that differ by the seed alone together.
    """

    number: int
    command: contract.Command
    runs: Sequence[run_files.Run]
    groups: Sequence[groups.Group]

    @property
    def methods(self) -> list[str]:
        """The names of the methods, in the order in which they ran."""
        rows = self.runs[0].result["rows"]
        return list(dict.fromkeys(row["method"] for row in rows))

    @property
    def tasks(self) -> str:
        """What the tasks are called."""
        first = self.groups[0]
        return first.experiment.problem_title(first.problem)

    @property
    def flags(self) -> dict[str, Any]:
        """The flags that fix the results, those that are not None."""
        config = self.runs[0].result["config"]
        return {k: v for k, v in config.items() if v is not None}

    @property
    def call(self) -> str:
        """What to type to run the first one again."""
        flags: dict[str, Any] = {"methods": self.methods}
        if isinstance(self.command, contract.Study):
            for sweep in self.command.sweeps:
                values = {
                    columns.show_value(value): groups.sortable(value)
                    for group in self.groups
                    for value in [group.asked.get(sweep.setting)]
                }
                flags[sweep.flag] = sorted(values, key=values.__getitem__)
        lines = [f"./bazelw run //experiments:{self.command.name} --"]
        for name, value in (flags | self.flags).items():
            items = value if isinstance(value, list) else [value]
            text = ",".join(map(columns.show_value, items))
            text = text.lower() if isinstance(value, bool) else text
            lines.append(f"  --{name}={shlex.quote(text)}")
        return " \\\n".join(lines)


def collect(
    runs: Sequence[run_files.Run], commands: Sequence[contract.Command]
) -> list[Batch]:
    """Puts runs together that differ by their seed alone.

    Args:
        runs: the runs.
        commands: what they may be runs of, in the order wanted.

    Returns:
        The batches, those of a command that compare most methods first.
    """
    named = {command.name: command for command in commands}

    def key(run: run_files.Run) -> list[Any]:
        config = run.result["config"]
        asked = {
            k: v for k, v in config.items() if k != "seed" and v is not None
        }
        rows = run.result["rows"]
        learned = sorted(
            {
                repr([row[k] for k in ("method", "problem", "settings")])
                for row in rows
            }
        )
        return [run.result["command"], learned, asked]

    def place(batch: Batch) -> tuple[Any, ...]:
        first = batch.groups[0]
        return (
            commands.index(batch.command),
            -len(batch.methods),
            groups.place(first.problem, first.experiment),
            batch.runs[0].name,
        )

    batches = []
    for same in groups.partition(runs, key):
        command = named[same[0].result["command"]]
        of = groups.collect(
            [run.result for run in same], contract.experiment_of(command)
        )
        batches.append(Batch(0, command, sorted(same, key=seed_of), of))
    return [
        dataclasses.replace(batch, number=number)
        for number, batch in enumerate(sorted(batches, key=place), start=1)
    ]


def seed_of(run: run_files.Run) -> int:
    """Returns the seed of a run."""
    return run.result["rows"][0]["seed"]

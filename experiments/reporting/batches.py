"""Runs of a command that differ by their seed alone."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.reporting import run_files
from experiments.run import columns, contract, groups


@dataclasses.dataclass(frozen=True)
class Batch:
    """Runs of one command that differ by their seed alone.

    Attributes:
        command: what was run.
        runs: by seed.
    """

    command: contract.Command
    runs: Sequence[run_files.Run]

    @property
    def results(self) -> list[Mapping[str, Any]]:
        """The contents of the runs' files."""
        return [run.result for run in self.runs]

    @property
    def experiment(self) -> contract.Experiment:
        """What was run, or what each cell of a study ran."""
        return contract.experiment_of(self.command)

    @property
    def methods(self) -> dict[str, str]:
        """The titles of the methods, by name, in their order."""
        return {
            row["method"]: groups.method_title(self.experiment, row["method"])
            for row in self.results[0]["rows"]
        }

    @property
    def tasks(self) -> str:
        """What the tasks are called."""
        return self.experiment.problem_title(
            self.results[0]["rows"][0]["problem"]
        )

    @property
    def call(self) -> str:
        """What to type to run the first one again."""
        flags: dict[str, Any] = {"methods": list(self.methods)}
        if isinstance(self.command, contract.Study):
            for sweep in self.command.sweeps:
                values = {
                    columns.show_value(value): groups.sortable(value)
                    for row in self.results[0]["rows"]
                    for asked in [
                        row["problem"] | row["budget"] | row["settings"]
                    ]
                    for value in [
                        (asked | {"seed": row["seed"]}).get(sweep.setting)
                    ]
                }
                flags[sweep.flag] = sorted(values, key=values.__getitem__)
        lines = [f"./bazelw run //experiments:{self.command.name} --"]
        for name, value in (flags | self.results[0]["config"]).items():
            items = value if isinstance(value, list) else [value]
            text = ",".join(map(columns.show_value, items))
            text = text.lower() if isinstance(value, bool) else text
            if value is not None:
                lines.append(f"  --{name}={shlex.quote(text)}")
        return " \\\n".join(lines)


def collect(
    runs: Sequence[run_files.Run], command: contract.Command
) -> list[Batch]:
    """Puts runs of a command together that differ by their seed alone.

    Args:
        runs: runs of this and other commands.
        command: the command.

    Returns:
        The batches, those that compare most methods first.
    """

    def key(run: run_files.Run) -> list[Any]:
        config = run.result["config"].items()
        learned = (
            [row["method"], row["problem"], row["settings"]]
            for row in run.result["rows"]
        )
        return [
            sorted(map(repr, learned)),
            {k: v for k, v in config if k != "seed" and v is not None},
        ]

    def place(batch: Batch) -> tuple[Any, ...]:
        problem = batch.results[0]["rows"][0]["problem"]
        return (
            -len(batch.methods),
            groups.place(problem, batch.experiment),
            batch.runs[0].name,
        )

    own = [run for run in runs if run.result["command"] == command.name]
    batches = [
        Batch(command, sorted(same, key=seed_of))
        for same in groups.partition(own, key)
    ]
    return sorted(batches, key=place)


def seed_of(run: run_files.Run) -> int:
    """Returns the seed of a run."""
    return run.result["rows"][0]["seed"]

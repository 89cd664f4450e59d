r"""How fast are Meta-World's tasks, here and in the package?

Times whole episodes, resets included, of the package's own classes, of tfmeta's
and of the physics alone, which is the floor. Each runs in a process of its own;
they take turns, so that what slows the machine strikes all of them. Prints
medians, and ratios of the times of a round.

    ./bazelw run //experiments/benchmarks:environment_step
    ./bazelw run //experiments/benchmarks:environment_step -- \
        --workloads=reach-v3,push-v3 --out=environment_step.json
"""

import dataclasses
import pathlib
import statistics
from typing import Any

from absl import flags

from experiments.benchmarks import entries, sessions, tables, worker
from experiments.run import cli, settings
from tfmeta import environments

_MODULE = pathlib.Path(__file__).parent / "environment_worker.py"
CONTENDERS = {
    "tfmeta": entries.Contender("tfmeta", _MODULE, False),
    "package": entries.Contender("metaworld", _MODULE, False),
    "physics": entries.Contender("the physics alone", _MODULE, False),
}

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    [],
    "Comma-separated list of tasks of Meta-World. Default: those of MT10.",
)
_CONTENDERS = flags.DEFINE_list(
    "contenders",
    list(CONTENDERS),
    f"Comma-separated list of {', '.join(CONTENDERS)}.",
)
_HORIZON = flags.DEFINE_integer(
    "horizon", 500, "Steps of an episode.", lower_bound=1, upper_bound=500
)


@dataclasses.dataclass(frozen=True)
class EpisodeJob(worker.Job):
    """What a contender is to do: episodes of a task.

    Attributes:
        task: its name.
        horizon: steps of an episode.
    """

    task: str
    horizon: int


@dataclasses.dataclass(frozen=True)
class Entry(entries.Entry):
    """A contender at a task: a row of the table.

    Attributes:
        workload: the task.
        contender: one of `CONTENDERS`.
        horizon: steps of an episode.
        reference: the contender that its time is divided by.
    """

    workload: str
    contender: str
    horizon: int
    reference: str | None = "tfmeta"

    @property
    def kind(self) -> entries.Contender:
        """What the contender is."""
        return CONTENDERS[self.contender]

    @property
    def steps_factor(self) -> int:
        """How many more steps to make, for they are short."""
        return 1

    @property
    def has_loss_of_reference(self) -> bool:
        """Whether its first loss, the return, is to be its reference's."""
        return self.contender != "physics"

    @property
    def threads(self) -> int | None:
        """How many threads its libraries have, see `entries.Entry`."""
        return 1

    def make_job(
        self, *, intra_op_threads: int, inter_op_threads: int
    ) -> EpisodeJob:
        """Returns what the contender's process is to do."""
        return EpisodeJob(
            self.contender,
            intra_op_threads,
            inter_op_threads,
            task=self.workload,
            horizon=self.horizon,
        )


def main() -> None:
    """Runs the contests and prints their table."""
    known = environments.list_metaworld_tasks("MT50")
    tasks = settings.chosen(
        _WORKLOADS.name,
        _WORKLOADS.value or environments.list_metaworld_tasks("MT10"),
        known,
    )
    contenders = settings.chosen(
        _CONTENDERS.name, _CONTENDERS.value, CONTENDERS
    )
    session = sessions.Session(
        "environment_step",
        [
            [Entry(task, name, _HORIZON.value) for name in contenders]
            for task in tasks
        ],
    )
    for measurements in session.run(lambda entry: entry.workload):
        rows = [
            tables.make_row(measurement, measurements)
            | {"steps_per_second": _steps_per_second(measurement)}
            for measurement in measurements
        ]
        results = session.record(
            rows, horizon=_HORIZON.value, geometric_means=_means(rows)
        )
    print(markdown(results))


def _steps_per_second(measurement) -> float:
    ms = statistics.median(measurement.round_ms)
    return 1e3 * measurement.entry.horizon / ms


def _means(rows) -> dict[str, float]:
    """Returns the geometric mean over tasks of each contender's ratio."""
    return {
        name: statistics.geometric_mean(
            row["ratio"] for row in rows if row["contender"] == name
        )
        for name in {row["contender"] for row in rows if "ratio" in row}
    }


# Title, key of the row, format.
_COLUMNS = (
    ("task", "workload", "{}"),
    ("contender", "title", "{}"),
    ("steps/s", "steps_per_second", "{:.0f}"),
    ("time over tfmeta's", "ratio", "{:.2f}"),
    ("quartiles", "ratio_quartiles", "{0[0]:.2f} to {0[1]:.2f}"),
)


def markdown(results: dict[str, Any]) -> str:
    """Returns a run's results as Markdown."""
    lines = [
        tables.header(results),
        f"Episodes of {results['horizon']} steps, resets included, one core.",
        "",
        *tables.table(results["rows"], _COLUMNS),
        "",
        *(
            f"- {CONTENDERS[name].title}: {mean:.2f} times as long as tfmeta, "
            "geometric mean"
            for name, mean in sorted(results["geometric_means"].items())
        ),
        *tables.footer(
            results, lambda row: f"{row['title']} ({row['workload']})"
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)

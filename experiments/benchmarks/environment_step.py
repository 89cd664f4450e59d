r"""How fast are Meta-World's tasks, here and in the package?

Times whole episodes, resets included, of the package's own classes, of tfmeta's
and of the physics alone, which is the floor. Each runs in a process of its own;
they take turns, so that what slows the machine strikes all of them. Prints
medians, and ratios of the times of a round.

    ./bazelw run //experiments/benchmarks:environment_step
    ./bazelw run //experiments/benchmarks:environment_step -- \
        --workloads=reach-v3,push-v3 --out=environment_step.json
"""

from absl import flags

from experiments.benchmarks import (
    environment_report,
    environment_workloads,
    sessions,
)
from experiments.run import cli, settings
from tfmeta import environments

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    [],
    "Comma-separated list of tasks of Meta-World. Default: those of MT10.",
)
_CONTENDERS = flags.DEFINE_list(
    "contenders",
    list(environment_workloads.CONTENDERS),
    f"Comma-separated list of {', '.join(environment_workloads.CONTENDERS)}.",
)
_HORIZON = flags.DEFINE_integer(
    "horizon", 500, "Steps of an episode.", lower_bound=1, upper_bound=500
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
        _CONTENDERS.name, _CONTENDERS.value, environment_workloads.CONTENDERS
    )
    session = sessions.Session(
        "environment_step",
        [
            [
                environment_workloads.Entry(task, name, _HORIZON.value)
                for name in contenders
            ]
            for task in tasks
        ],
    )
    for measurements in session.run(lambda entry: entry.workload):
        rows = environment_report.make_rows(measurements)
        results = session.record(
            rows,
            horizon=_HORIZON.value,
            geometric_means=environment_report.geometric_means(rows),
        )
    print(environment_report.markdown(results))


if __name__ == "__main__":
    cli.run(main)

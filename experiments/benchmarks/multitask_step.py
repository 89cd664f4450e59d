r"""What does gradient surgery cost?

Times a training step with `PCGrad(Adam)` beside what it can be held against:

- `own_data`: the step with Adam on the summed loss, where each task has a batch
  of its own (the network of multi-task CIFAR-100, `all_fc`);
- `shared_input`: the tasks' backward passes alone, where all tasks have the
  same images (the same network);
- `aggregation`: the surgery alone, against the published loop over whole
  gradients and against TorchJD, all on one thread;
- `memory`: the peak of the whole surgery and of that by `gradient_parts`, and
  what they take over a step on the sum.

Each contender runs in a process of its own; they take turns, so that what slows
the machine strikes all of them. Prints medians, ratios of the times of a round,
peak memory and the time from a process' start to the end of its first step.

    ./bazelw run //experiments/benchmarks:multitask_step
    ./bazelw run //experiments/benchmarks:multitask_step -- \
        --peer_python=/opt/peers/bin/python --out=multitask_step.json

Peers whose packages are missing are named and skipped. `requirements.txt`
beside this file says how to install them.
"""

from absl import flags

from experiments.benchmarks import (
    multitask_report,
    multitask_workloads,
    sessions,
)
from experiments.run import cli, settings

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    list(multitask_workloads.WORKLOADS),
    f"Comma-separated list of {', '.join(multitask_workloads.WORKLOADS)}.",
)
_CONTENDERS = flags.DEFINE_list(
    "contenders",
    list(multitask_workloads.CONTENDERS),
    f"Comma-separated list of {', '.join(multitask_workloads.CONTENDERS)}.",
)
_FILTERS = flags.DEFINE_integer(
    "filters",
    160,
    "Filters of each convolution (own_data, shared_input).",
    lower_bound=1,
)
_UNITS = flags.DEFINE_list(
    "units",
    ["320", "320"],
    "Comma-separated sizes of the fully connected layers of each task "
    "(own_data, shared_input).",
)
_PARAMETERS = flags.DEFINE_integer(
    "parameters",
    1_000_000,
    "Length of the gradients (aggregation).",
    lower_bound=1,
)
_WIDTH = flags.DEFINE_integer(
    "width", 1024, "Units of each dense layer (memory).", lower_bound=1
)


def main() -> None:
    """Runs the contests and prints their tables."""
    sizes = multitask_workloads.Sizes(
        filters=_FILTERS.value,
        units=tuple(sessions.positive_integers(_UNITS)),
        parameters=_PARAMETERS.value,
        width=_WIDTH.value,
    )
    session = sessions.Session(
        "multitask_step",
        multitask_workloads.contests(
            settings.chosen(
                _WORKLOADS.name, _WORKLOADS.value, multitask_workloads.WORKLOADS
            ),
            settings.chosen(
                _CONTENDERS.name,
                _CONTENDERS.value,
                multitask_workloads.CONTENDERS,
            ),
            sizes,
        ),
    )
    for measurements in session.run(
        lambda entry: multitask_workloads.WORKLOADS[entry.workload]
    ):
        results = session.record(
            multitask_report.make_rows(measurements), sizes=sizes._asdict()
        )
    print(multitask_report.markdown(results))


if __name__ == "__main__":
    cli.run(main)

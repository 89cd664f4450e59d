r"""How long does MAML's outer step take, here and elsewhere?

Times the outer step (second order, Adam included, float32) of tfmeta beside its
peers, which make the same step from the same weights: learn2learn's loop,
`torch.func` and JAX. Each contender runs in a process of its own; they take
turns, so that what slows the machine strikes all of them. Prints medians,
ratios of the times of a round, the share of the floor (`floor.py`), peak memory
and the time from a process' start to the end of its first step.

    ./bazelw run //experiments/benchmarks:maml_step
    ./bazelw run //experiments/benchmarks:maml_step -- \
        --peer_python=/opt/peers/bin/python --out=maml_step.json

Peers whose packages are missing are named and skipped. `requirements.txt`
beside this file says how to install them.
"""

from typing import Any

from absl import flags

from experiments.benchmarks import report, rounds, sessions, workloads
from experiments.run import cli, settings

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    list(workloads.WORKLOADS),
    f"Comma-separated list of {', '.join(workloads.WORKLOADS)}.",
)
_CONTENDERS = flags.DEFINE_list(
    "contenders",
    list(workloads.CONTENDERS),
    f"Comma-separated list of {', '.join(workloads.CONTENDERS)}.",
)
_INNER_STEPS = flags.DEFINE_list(
    "inner_steps",
    ["1", "5"],
    "Comma-separated numbers of inner steps (conv4, mlp).",
)
_META_BATCH_SIZE = flags.DEFINE_integer(
    "meta_batch_size",
    16,
    "Tasks in an outer step (conv4, input).",
    lower_bound=1,
)


def main() -> None:
    """Runs the contests and prints their tables."""
    contests = workloads.contests(
        settings.chosen(_WORKLOADS.name, _WORKLOADS.value, workloads.WORKLOADS),
        settings.chosen(
            _CONTENDERS.name, _CONTENDERS.value, workloads.CONTENDERS
        ),
        inner_steps=list(
            dict.fromkeys(sessions.positive_integers(_INNER_STEPS))
        ),
        meta_batch_size=_META_BATCH_SIZE.value,
    )
    session = sessions.Session("maml_step", contests)
    with session.start(workloads.matmul_probe()) as matmul:
        products = rounds.start(workloads.matmul_probe(), matmul)
        for measurements in session.run(_title, [(products, matmul)]):
            results = _record(session, measurements, products)
    print(report.markdown(results))


def _record(session, measurements, products) -> dict[str, Any]:
    # The floor is what the machine can do, so its best.
    gflops = products.entry.flops / products.best_ms / 1e6
    rows = report.make_rows(measurements, gflops)
    return session.record(
        rows,
        matmul_gflops=gflops,
        fits={
            name: fit._asdict()
            for name, fit in report.scaling_fits(rows).items()
        },
        appetites=report.appetites(rows),
    )


def _title(entry: workloads.Entry) -> str:
    title = workloads.WORKLOADS[entry.workload]
    if entry.workload in ("scaling", "input"):
        return title
    return f"{title}, {entry.tasks} tasks, inner steps: {entry.inner_steps}"


if __name__ == "__main__":
    cli.run(main)

r"""How fast does SAC learn, and what does surgery cost it?

Times training steps with an update each, beside Stable-Baselines3 (PyTorch) and
SBX (JAX); an update alone, beside its matrix products, which are the floor; an
update of ten tasks with and without PCGrad; single actions; and what the replay
draws. Each contender runs in a process of its own on one core; they take turns,
so that what slows the machine strikes all of them. Prints medians, and ratios
of the times of a round.

    ./bazelw run //experiments/benchmarks:sac_step
    ./bazelw run //experiments/benchmarks:sac_step -- \
        --peer_python=/opt/peers/bin/python --out=sac_step.json

Peers whose packages are missing are named and skipped. `requirements.txt`
beside this file says how to install them.
"""

from absl import flags

from experiments.benchmarks import sac_report, sac_workloads, sessions
from experiments.run import cli, settings

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    list(sac_workloads.WORKLOADS),
    f"Comma-separated list of {', '.join(sac_workloads.WORKLOADS)}.",
)
_CONTENDERS = flags.DEFINE_list(
    "contenders",
    list(sac_workloads.CONTENDERS),
    f"Comma-separated list of {', '.join(sac_workloads.CONTENDERS)}.",
)


def main() -> None:
    """Runs the contests and prints their tables."""
    session = sessions.Session(
        "sac_step",
        sac_workloads.contests(
            settings.chosen(
                _WORKLOADS.name, _WORKLOADS.value, sac_workloads.WORKLOADS
            ),
            settings.chosen(
                _CONTENDERS.name, _CONTENDERS.value, sac_workloads.CONTENDERS
            ),
        ),
    )
    for measurements in session.run(
        lambda entry: sac_workloads.WORKLOADS[entry.workload]
    ):
        rows = sac_report.make_rows(measurements)
        results = session.record(rows, goals=sac_report.check_goals(rows))
    print(sac_report.markdown(results))


if __name__ == "__main__":
    cli.run(main)

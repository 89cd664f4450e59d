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

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import sys
from typing import Any

from absl import flags

from experiments import cli, run_folder
from experiments.benchmarks import process, report, rounds, workloads
from tfmeta import errors

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
_ROUNDS = flags.DEFINE_integer(
    "rounds", 10, "How often each contender has its turn.", lower_bound=1
)
_STEPS_PER_ROUND = flags.DEFINE_integer(
    "steps_per_round",
    3,
    "Steps of a turn; 20 times as many where a step is short (mlp, input).",
    lower_bound=1,
)
_PEER_PYTHON = flags.DEFINE_string(
    "peer_python",
    None,
    "Interpreter of the peers, so that they need not share an environment with "
    "TensorFlow; by default the one that runs this.",
)
_OUT = flags.DEFINE_string("out", None, "JSON file to write the results to.")


def main() -> None:
    """Runs the contests and prints their tables."""
    contests = workloads.contests(
        cli.chosen(_WORKLOADS, workloads.WORKLOADS),
        cli.chosen(_CONTENDERS, workloads.CONTENDERS),
        inner_steps=_inner_steps(),
        meta_batch_size=_META_BATCH_SIZE.value,
    )
    if not contests:
        raise errors.InputError(
            "--contenders: none of them takes part in --workloads="
            f"{','.join(_WORKLOADS.value)}"
        )
    peer_python = _peer_python()
    out = _out_file()
    machine = _describe_machine()
    measurements: list[rounds.Measurement] = []
    skipped: dict[str, str] = {}
    with _start(workloads.matmul_probe(), peer_python) as matmul:
        products = rounds.start(workloads.matmul_probe(), matmul)
        for number, contest in enumerate(contests, start=1):
            _log(f"[{number}/{len(contests)}] {_title(contest)}")
            measurements += _run_contest(
                contest, peer_python, skipped, (products, matmul)
            )
            results = _make_results(machine, measurements, products, skipped)
            if out:
                _write(out, results)
    print(report.markdown(results))


def _run_contest(contest, peer_python, skipped, probe):
    """Starts the contenders one by one, then lets them step by turns."""
    running = []
    with contextlib.ExitStack() as stack:
        for entry in contest:
            if entry.contender in skipped:
                continue
            try:
                steps = stack.enter_context(_start(entry, peer_python))
            except process.MissingPackageError as error:
                _log(f"  {entry.contender}: skipped, {error}")
                skipped[entry.contender] = str(error)
                continue
            measurement = rounds.start(entry, steps)
            _log(
                f"  {entry.contender}: first step after "
                f"{measurement.first_step_seconds:.1f} s"
            )
            running.append((measurement, steps))
        rounds.run(
            [*running, probe],
            rounds=_ROUNDS.value,
            steps_per_round=_STEPS_PER_ROUND.value,
            on_round=lambda done: _log(f"  round {done} of {_ROUNDS.value}"),
        )
    return [measurement for measurement, _ in running]


def _start(entry: workloads.Entry, peer_python: str) -> process.WorkerProcess:
    intra_op_threads = inter_op_threads = 0
    if entry.contender not in ("tfmeta_default_threads", "matmul"):
        # As those of the commands, see `cli`.
        cores = len(os.sched_getaffinity(0))
        intra_op_threads = flags.FLAGS.intra_op_threads or cores
        inter_op_threads = flags.FLAGS.inter_op_threads or cores
    return process.WorkerProcess(
        entry,
        python=peer_python if entry.kind.is_peer else sys.executable,
        intra_op_threads=intra_op_threads,
        inter_op_threads=inter_op_threads,
    )


def _make_results(machine, measurements, products, skipped) -> dict[str, Any]:
    # The floor is what the machine can do, so its best.
    gflops = products.entry.flops / products.best_ms / 1e6
    rows = report.make_rows(measurements, gflops)
    return {
        "benchmark": "maml_step",
        "rows": rows,
        "matmul_gflops": gflops,
        "fits": {
            name: fit._asdict()
            for name, fit in report.scaling_fits(rows).items()
        },
        "appetites": report.appetites(rows),
        "skipped": skipped,
        "rounds": _ROUNDS.value,
        "steps_per_round": _STEPS_PER_ROUND.value,
        "machine": machine,
    }


def _inner_steps() -> list[int]:
    given = ",".join(_INNER_STEPS.value)
    if not re.fullmatch(r"\s*[1-9]\d*\s*(,\s*[1-9]\d*\s*)*", given):
        raise errors.InputError(
            f"--inner_steps={given}: expected positive integers, such as 1,5"
        )
    return list(dict.fromkeys(int(steps) for steps in given.split(",")))


def _peer_python() -> str:
    python = _PEER_PYTHON.value or sys.executable
    if os.sep in python:
        python = str(cli.resolve_path(python))
    if shutil.which(python) is None:
        raise errors.InputError(
            f"--peer_python={python}: expected a Python interpreter, found no "
            "such program"
        )
    return python


def _out_file() -> pathlib.Path | None:
    if not _OUT.value:
        return None
    file = cli.resolve_path(_OUT.value)
    # Now, for what comes first takes minutes.
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise errors.InputError(
            f"--out={file}: expected a file in a folder that can be written to"
        )
    return file


def _write(file: pathlib.Path, content: Any) -> None:
    temporary = file.with_name(f".{file.name}.writing")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(file)


def _title(contest: list[workloads.Entry]) -> str:
    entry = contest[0]
    title = workloads.WORKLOADS[entry.workload]
    if entry.workload in ("scaling", "input"):
        return title
    return f"{title}, {entry.tasks} tasks, inner steps: {entry.inner_steps}"


def _describe_machine() -> dict[str, Any]:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.M)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": run_folder.commit(),
    }


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main)

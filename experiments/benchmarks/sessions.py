"""One run of a benchmark: its flags, its processes and its results."""

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

from experiments.benchmarks import entries, process, rounds
from experiments.run import cli, run_folder
from tfmeta import errors

_ROUNDS = flags.DEFINE_integer(
    "rounds", 10, "How often each contender has its turn.", lower_bound=1
)
_STEPS_PER_ROUND = flags.DEFINE_integer(
    "steps_per_round",
    3,
    "Steps of a turn; several times as many where a step is short.",
    lower_bound=1,
)
_PEER_PYTHON = flags.DEFINE_string(
    "peer_python",
    None,
    "Interpreter of the peers, so that they need not share an environment with "
    "TensorFlow; by default the one that runs this.",
)
_OUT = flags.DEFINE_string("out", None, "JSON file to write the results to.")


class Session:
    """Runs the contests of a benchmark as the flags say.

    The benchmark's command has the flags `--workloads` and `--contenders`, by
    which it chose the contests.

    Attributes:
        skipped: for each contender whose packages are missing, what is.

    Args:
        benchmark: its name.
        contests: entries that take turns, contest by contest.

    Raises:
        InputError: if there are no contests, `--peer_python` is no program, or
            `--out` cannot be written.
    """

    def __init__(
        self, benchmark: str, contests: Sequence[Sequence[entries.Entry]]
    ):
        if not contests:
            raise errors.InputError(
                "--contenders: none of them takes part in --workloads="
                f"{','.join(flags.FLAGS.workloads)}"
            )
        self._benchmark = benchmark
        self._contests = contests
        self._peer_python = _peer_python()
        self._out = _out_file()
        # Before it is busy with us.
        self._machine = _describe_machine()
        self.skipped: dict[str, str] = {}

    def start(self, entry: entries.Entry) -> process.WorkerProcess:
        """Starts an entry's process."""
        if entry.threads is None:
            cores = cli.cores()
            intra_op_threads = flags.FLAGS.intra_op_threads or cores
            inter_op_threads = flags.FLAGS.inter_op_threads or cores
        else:
            intra_op_threads = inter_op_threads = entry.threads
        return process.WorkerProcess(
            entry.make_job(
                intra_op_threads=intra_op_threads,
                inter_op_threads=inter_op_threads,
            ),
            module=entry.kind.module,
            python=self._peer_python if entry.kind.is_peer else sys.executable,
            blas_threads=entry.threads or 0,
        )

    def run(
        self,
        title: Callable[[Any], str],
        probes: Sequence[tuple[rounds.Measurement, rounds.Steps]] = (),
    ) -> Iterator[list[rounds.Measurement]]:
        """Runs the contests one after the other.

        Args:
            title: names a contest by one of its entries.
            probes: what takes turns with them in every contest.

        Yields:
            After each contest, the measurements so far.
        """
        measurements = []
        for number, contest in enumerate(self._contests, start=1):
            _log(f"[{number}/{len(self._contests)}] {title(contest[0])}")
            measurements += self._run_contest(contest, probes)
            yield measurements

    def record(self, rows: Sequence[dict], **others: Any) -> dict[str, Any]:
        """Writes the results to `--out`, if given, and returns them.

        Args:
            rows: of the table.
            **others: what else there is to tell.
        """
        results = {
            "benchmark": self._benchmark,
            "rows": rows,
            **others,
            "skipped": self.skipped,
            "rounds": _ROUNDS.value,
            "steps_per_round": _STEPS_PER_ROUND.value,
            "machine": self._machine,
        }
        if self._out:
            _write(self._out, results)
        return results

    def _run_contest(self, contest, probes) -> list[rounds.Measurement]:
        """Starts the contenders one by one, then lets them step by turns."""
        running = []
        with contextlib.ExitStack() as stack:
            for entry in contest:
                if entry.contender in self.skipped:
                    continue
                try:
                    steps = stack.enter_context(self.start(entry))
                except process.MissingPackageError as error:
                    _log(f"  {entry.contender}: skipped, {error}")
                    self.skipped[entry.contender] = str(error)
                    continue
                measurement = rounds.start(entry, steps)
                _log(
                    f"  {entry.contender}: first step after "
                    f"{measurement.first_step_seconds:.1f} s"
                )
                running.append((measurement, steps))
            rounds.run(
                [*running, *probes],
                rounds=_ROUNDS.value,
                steps_per_round=_STEPS_PER_ROUND.value,
                on_round=lambda done: _log(
                    f"  round {done} of {_ROUNDS.value}"
                ),
            )
        return [measurement for measurement, _ in running]


def positive_integers(flag: flags.FlagHolder) -> list[int]:
    """Returns the numbers of a list flag.

    Raises:
        InputError: if they are no positive integers.
    """
    given = ",".join(flag.value)
    if not re.fullmatch(r"\s*[1-9]\d*\s*(,\s*[1-9]\d*\s*)*", given):
        raise errors.InputError(
            f"--{flag.name}={given}: expected positive integers, such as 1,5"
        )
    return [int(number) for number in given.split(",")]


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


def _describe_machine() -> dict[str, Any]:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.M)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": cli.cores(),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": run_folder.commit(),
    }


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

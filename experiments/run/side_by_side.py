"""Commands of this repository that run side by side in processes."""

import concurrent.futures
import dataclasses
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

# They share the cores as processes, so each has one.
ONE_THREAD = ("--intra_op_threads=1", "--inter_op_threads=1")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command to run.

    Attributes:
        module: its module, such as `experiments.nme_classification`.
        flags: its command line.
        log: file for what it prints.
    """

    module: str
    flags: Sequence[str]
    log: pathlib.Path


def run(commands: Sequence[Command], *, jobs: int) -> Iterator[tuple[int, int]]:
    """Runs commands, `jobs` of them at a time.

    Whoever stops asking for results has the commands that have not begun
    dropped, and waits for those that have.

    Args:
        commands: what to run, in this order.
        jobs: how many at a time.

    Yields:
        `(index, status)`, the command's index and exit status, as they end.
    """
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    running = {
        pool.submit(_run, command): index
        for index, command in enumerate(commands)
    }
    try:
        for finished in concurrent.futures.as_completed(running):
            yield running[finished], finished.result()
    finally:
        pool.shutdown(cancel_futures=True)


def last_line(file: pathlib.Path) -> str:
    """Returns the last line of a log: of a failed command, the reason."""
    lines = file.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _run(command: Command) -> int:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("w") as log:
        return subprocess.run(
            [sys.executable, "-m", command.module, *command.flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # What this process can import, the other shall.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        ).returncode

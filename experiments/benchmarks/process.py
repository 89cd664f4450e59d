"""The parent's end of a worker process."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
from typing import Any

from experiments.benchmarks import problems, worker, workloads

_OUTER_LEARNING_RATE = 1e-3
_WORKER = pathlib.Path(__file__).parent / "worker.py"
_ROOT = pathlib.Path(__file__).parents[2]
_SECONDS_TO_END = 10


class MissingPackageError(Exception):
    """A contender's package is not installed under its interpreter."""


class WorkerProcess:
    """A process that runs one contender, see `worker.py`.

    Attributes:
        started: when it was started, by `time.monotonic`.
        versions: of the packages that it imported.

    Args:
        entry: what it is to run.
        python: the interpreter to run it.
        intra_op_threads: see `worker.Job`.
        inter_op_threads: see `worker.Job`.
        dtype: precision to compute in.

    Raises:
        MissingPackageError: if a package is not installed.
    """

    def __init__(
        self,
        entry: workloads.Entry,
        *,
        python: str,
        intra_op_threads: int,
        inter_op_threads: int,
        dtype: str = "float32",
    ):
        problem = problems.make(entry.network, tasks=entry.tasks, dtype=dtype)
        settings = {
            "contender": entry.contender,
            "network": entry.network,
            "inner_steps": entry.inner_steps,
            "inner_learning_rate": problem.inner_learning_rate,
            "outer_learning_rate": _OUTER_LEARNING_RATE,
            "intra_op_threads": intra_op_threads,
            "inter_op_threads": inter_op_threads,
        }
        self._entry = entry
        self._folder = tempfile.TemporaryDirectory()
        self._log = pathlib.Path(self._folder.name, "stderr")
        arrays = pathlib.Path(self._folder.name, "arrays.npz")
        worker.save_arrays(arrays, problem.episodes, problem.weights)
        # -P: what lies beside the script shall not be imported.
        command = [python, "-P", str(_WORKER), str(entry.kind.module)]
        with self._log.open("w") as stderr:
            self.started = time.monotonic()
            self._process = subprocess.Popen(
                [*command, json.dumps(settings), str(arrays)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=_environment(),
            )
        try:
            answer = self._read()
        except BaseException:
            self.close()
            raise
        if "missing" in answer:
            self.close()
            raise MissingPackageError(answer["missing"])
        self.versions: dict[str, str] = answer["versions"]

    def __enter__(self):
        """Returns the process itself."""
        return self

    def __exit__(self, *exception):
        """Ends the process."""
        self.close()

    def step(self, count: int) -> dict[str, Any]:
        """Makes outer steps; returns `seconds` of each, `loss`, `peak_mb`."""
        return self._ask(f"step {count}")

    def write_gradient(self, file: pathlib.Path) -> None:
        """Has the meta-batch's gradient written to an .npz file."""
        self._ask(f"gradient {file}")

    def close(self) -> None:
        """Ends the process, by force if it does not heed."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin
        # Why a process is gone, its log tells.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        status = self._process.wait()
        raise RuntimeError(
            f"{self._entry.contender} ended with status {status}:\n"
            f"{self._log.read_text()}"
        )


def _environment() -> dict[str, str]:
    path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(path),
    }

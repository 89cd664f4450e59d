"""The parent's end of a worker process."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
from typing import Any

from experiments.benchmarks import worker

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
        job: what it is to do.
        module: the file whose `build` makes the contender.
        python: the interpreter to run it.
        blas_threads: threads of what NumPy and PyTorch compute with; 0 for as
            many as they choose.

    Raises:
        MissingPackageError: if a package is not installed.
    """

    def __init__(
        self,
        job: worker.Job,
        *,
        module: pathlib.Path,
        python: str,
        blas_threads: int = 0,
    ):
        self._contender = job.contender
        self._folder = tempfile.TemporaryDirectory()
        self._log = pathlib.Path(self._folder.name, "stderr")
        arrays = pathlib.Path(self._folder.name, "arrays.npz")
        settings = worker.save_job(job, arrays)
        # -P: what lies beside the script shall not be imported.
        command = [python, "-P", str(_WORKER), str(module)]
        with self._log.open("w") as stderr:
            self.started = time.monotonic()
            self._process = subprocess.Popen(
                [*command, settings, str(arrays)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=_environment(blas_threads),
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
        """Makes steps; returns `seconds` of each, `loss`, `peak_mb`."""
        return self._ask(f"step {count}")

    def write_gradient(self, file: pathlib.Path) -> None:
        """Has the gradient written to an .npz file."""
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
            f"{self._contender} ended with status {status}:\n"
            f"{self._log.read_text()}"
        )


def _environment(blas_threads: int) -> dict[str, str]:
    path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # They are read when NumPy is imported, so before there is a job.
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if blas_threads else ()
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(path),
        **dict.fromkeys(names, str(blas_threads)),
    }

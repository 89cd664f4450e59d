"""A process that runs one contender of a benchmark at its parent's word.

    python worker.py MODULE.py JOB.json ARRAYS.npz

`MODULE.build(job)` makes the contender. Then each line on stdin is a command,
and each answer a line of JSON on stdout:

- unasked, once built: `{"versions": {...}}`, or `{"missing": "..."}` where a
  package is not installed;
- `step N` makes N steps: `{"seconds": [...], "loss": ..., "peak_mb": ...}`, the
  loss being that of the last one before its update;
- `gradient FILE` writes the gradient to an .npz file: `{"file": ...}`.

The end of stdin ends the process.

It runs under a peer's own interpreter, too, so it imports the standard library
and NumPy alone; and it is a script, for the package `experiments` imports
TensorFlow.
"""

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import re
import sys
import time
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_PACKAGES = (
    "gymnasium",
    "jax",
    "jaxlib",
    "keras",
    "metaworld",
    "mujoco",
    "numpy",
    "sbx",
    "stable_baselines3",
    "tensorflow",
    "torch",
    "torchjd",
)
# What a package is installed as, where it has another name.
_DISTRIBUTIONS = {"sbx": "sbx-rl"}


@dataclasses.dataclass(frozen=True)
class Job:
    """What a contender is to do; a benchmark adds fields of its own.

    A field that is a tuple holds arrays, any other one what JSON holds.

    Attributes:
        contender: which one, of those that the module knows.
        intra_op_threads: threads of one TensorFlow operation; 0 for
            TensorFlow's default.
        inter_op_threads: TensorFlow operations side by side; likewise.
    """

    contender: str
    intra_op_threads: int
    inter_op_threads: int


class Contender(NamedTuple):
    """What a module's `build` returns; a plain pair will do.

    Attributes:
        step: makes a step, to its very end, and returns the loss before the
            update.
        gradient: returns the gradient that contenders are to agree on; None
            where there is none.
    """

    step: Callable[[], float]
    gradient: Callable[[], list[np.ndarray]] | None


def save_job(job: Job, file: pathlib.Path) -> str:
    """Writes a job's arrays to an .npz file; returns the rest as JSON."""
    settings: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in vars(job).items():
        if isinstance(value, tuple):
            arrays |= {f"{name}.{i:02}": array for i, array in enumerate(value)}
        else:
            settings[name] = value
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return json.dumps(settings)


def load_job(settings: str, file: pathlib.Path) -> Any:
    """Returns an object with the attributes of the job that was saved.

    Not the job itself, whose class is in a module that cannot be imported here.
    """
    job = types.SimpleNamespace(**json.loads(settings))
    with np.load(file, allow_pickle=False) as arrays:
        for key in sorted(arrays):
            name = key.partition(".")[0]
            setattr(job, name, (*getattr(job, name, ()), arrays[key]))
    return job


def main(module_file: str, settings: str, arrays_file: str) -> None:
    """Builds the contender and obeys until stdin ends."""
    # Libraries that print must not break the protocol.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**content: Any) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        module = _load_module(pathlib.Path(module_file))
        step, gradient = module.build(
            load_job(settings, pathlib.Path(arrays_file))
        )
    except ImportError as error:
        answer(missing=str(error))
        return
    answer(versions=_versions())
    for line in sys.stdin:
        command, argument = line.split(maxsplit=1)
        if command == "step":
            seconds = []
            for _ in range(int(argument)):
                started = time.perf_counter()
                loss = step()
                seconds.append(time.perf_counter() - started)
            answer(seconds=seconds, loss=loss, peak_mb=_peak_mb())
        elif command == "gradient":
            file = argument.strip()
            np.savez(file, *gradient())
            answer(file=file)
        else:
            raise ValueError(f"unknown command {line!r}")


def _load_module(file: pathlib.Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _versions() -> dict[str, str]:
    """Returns the versions of the packages that were imported."""
    return {
        package: importlib.metadata.version(
            _DISTRIBUTIONS.get(package, package)
        )
        for package in _PACKAGES
        if package in sys.modules
    }


def _peak_mb() -> float:
    # Not getrusage's ru_maxrss, which does not start anew with the program: it
    # holds the memory of the parent that the process was forked from.
    status = pathlib.Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A process that runs one contender of a benchmark at its parent's word.

    python worker.py MODULE.py JOB.json ARRAYS.npz

`MODULE.build(job)` makes the contender. Then each line on stdin is a command,
and each answer a line of JSON on stdout:

- unasked, once built: `{"versions": {...}}`, or `{"missing": "..."}` where a
  package is not installed;
- `step N` makes N outer steps: `{"seconds": [...], "loss": ..., "peak_mb":
  ...}`, the loss being that of the last one before its update;
- `gradient FILE` writes the meta-batch's gradient, in the weights' order and
  layout, to an .npz file: `{"file": ...}`.

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
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_PACKAGES = ("jax", "jaxlib", "keras", "numpy", "tensorflow", "torch")
_EPISODE = ("support_x", "support_y", "query_x", "query_y")


@dataclasses.dataclass(frozen=True)
class Job:
    """What a contender is to do.

    Attributes:
        contender: which one, of those that the module knows.
        network: `"conv4"` or `"mlp"`.
        inner_steps: gradient steps of the inner loop.
        inner_learning_rate: their step size.
        outer_learning_rate: learning rate of Adam.
        intra_op_threads: threads of one TensorFlow operation; 0 for
            TensorFlow's default.
        inter_op_threads: TensorFlow operations side by side; likewise.
        episodes: the meta-batch `(support_x, support_y, query_x, query_y)`,
            each `[tasks, ...]`.
        weights: initial values, in tfmeta's order and layout. The contender
            computes in their precision.
    """

    contender: str
    network: str
    inner_steps: int
    inner_learning_rate: float
    outer_learning_rate: float
    intra_op_threads: int
    inter_op_threads: int
    episodes: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]


class Contender(NamedTuple):
    """What a module's `build` returns; a plain pair will do.

    Attributes:
        step: makes an outer step, to its very end, and returns the loss before
            the update.
        gradient: returns the meta-batch's gradient, in the order and layout of
            `Job.weights`; None where there is none.
    """

    step: Callable[[], float]
    gradient: Callable[[], list[np.ndarray]] | None


def save_arrays(
    file: pathlib.Path,
    episodes: tuple[np.ndarray, ...],
    weights: tuple[np.ndarray, ...],
) -> None:
    """Writes what `load_job` reads."""
    arrays = dict(zip(_EPISODE, episodes, strict=True))
    arrays |= {f"weight_{i:02}": weight for i, weight in enumerate(weights)}
    np.savez(file, **arrays)  # type: ignore[arg-type]


def load_job(settings: dict[str, Any], file: pathlib.Path) -> Job:
    """Joins a job's settings with its arrays."""
    with np.load(file, allow_pickle=False) as arrays:
        return Job(
            **settings,
            episodes=tuple(arrays[name] for name in _EPISODE),
            weights=tuple(
                arrays[name]
                for name in sorted(arrays)
                if name.startswith("weight_")
            ),
        )


def main(module_file: str, settings: str, arrays_file: str) -> None:
    """Builds the contender and obeys until stdin ends."""
    # Libraries that print must not break the protocol.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**content: Any) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        module = _load_module(pathlib.Path(module_file))
    except ImportError as error:
        answer(missing=str(error))
        return
    step, gradient = module.build(
        load_job(json.loads(settings), pathlib.Path(arrays_file))
    )
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
        package: importlib.metadata.version(package)
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

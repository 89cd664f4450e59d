"""What PCGrad is timed against, step by step and piece by piece."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import entries, multitask_problems, worker

_FOLDER = pathlib.Path(__file__).parent
_TFMETA = _FOLDER / "multitask_tfmeta_worker.py"
_NUMPY = _FOLDER / "multitask_numpy_worker.py"
_TORCH = _FOLDER / "multitask_torch_worker.py"

CONTENDERS = {
    "sum": entries.Contender("Adam on the sum", _TFMETA, False),
    "pcgrad": entries.Contender("PCGrad(Adam)", _TFMETA, False),
    "pcgrad_parts": entries.Contender(
        "PCGrad(Adam), gradient_parts=8", _TFMETA, False
    ),
    "backwards": entries.Contender("the backward passes alone", _TFMETA, False),
    "gramian": entries.Contender("tfmeta, on the Gramian", _TFMETA, False),
    "numpy_flat": entries.Contender("as published, NumPy", _NUMPY, False),
    "torch_flat": entries.Contender("as published, PyTorch", _TORCH, True),
    "torchjd": entries.Contender("TorchJD", _TORCH, True),
}
WORKLOADS = {
    "own_data": "A step of 20 tasks, each on 8 images of its own",
    "shared_input": "A step of 8 tasks on the same 32 images",
    "aggregation": "Aggregation of 20 gradients, one thread",
    "weights": "Its part between the matrix products: from Gramian to weights",
    "memory": "Memory of a step of 8 tasks that share 16 dense layers",
}
# The ratio that each is to have.
_GOALS = {
    ("own_data", "pcgrad"): "<= 1.10",
    ("shared_input", "pcgrad"): "<= 1.15",
    ("aggregation", "numpy_flat"): ">= 5",
    ("aggregation", "torch_flat"): ">= 5",
    ("aggregation", "torchjd"): ">= 5",
    ("weights", "torchjd"): ">= 5",
}
_ON_GRADIENTS = ("aggregation", "weights")
_DENSE_LAYERS = 16


class Sizes(NamedTuple):
    """How large the problems are.

    Attributes:
        filters: of each of the three convolutions.
        units: of each of the fully connected layers that a task has after them.
        parameters: length of the gradients that are aggregated.
        width: units of each of the dense layers whose memory is measured.
    """

    filters: int
    units: tuple[int, ...]
    parameters: int
    width: int


@dataclasses.dataclass(frozen=True)
class Entry(entries.Entry):
    """A contender at a task: a row of the table.

    Attributes:
        workload: one of `WORKLOADS`.
        contender: one of `CONTENDERS`.
        tasks: number of tasks.
        examples: number of examples in each task's batch.
        sizes: of the problem.
        reference: the contender that its time is divided by.
    """

    workload: str
    contender: str
    tasks: int
    examples: int
    sizes: Sizes
    reference: str | None

    @property
    def kind(self) -> entries.Contender:
        """What the contender is."""
        return CONTENDERS[self.contender]

    @property
    def steps_factor(self) -> int:
        """How many more steps to make, for they are short."""
        return 20 if self.workload == "weights" else 1

    @property
    def has_loss_of_reference(self) -> bool:
        """Whether its first loss is to be that of its reference."""
        return self.workload not in _ON_GRADIENTS

    @property
    def threads(self) -> int | None:
        """How many threads its libraries have, see `entries.Entry`."""
        return 1 if self.workload in _ON_GRADIENTS else None

    @property
    def goal(self) -> str | None:
        """What its ratio is to be, if it has a goal."""
        return _GOALS.get((self.workload, self.contender))

    @property
    def task_gradients_mb(self) -> float | None:
        """What the task gradients take that a step holds at a time.

        None where memory is not the question.
        """
        if self.workload != "memory" or self.contender == "sum":
            return None
        parameters = _DENSE_LAYERS * self.sizes.width * (self.sizes.width + 1)
        parts = (
            multitask_problems.PARTS if self.contender == "pcgrad_parts" else 1
        )
        return self.tasks * parameters * 4 / 2**20 / parts

    def make_job(
        self, *, intra_op_threads: int, inter_op_threads: int
    ) -> worker.Job:
        """Returns what the contender's process is to do.

        The gradients are independent: about half of their pairs conflict.
        """
        common: dict[str, Any] = {
            "contender": self.contender,
            "intra_op_threads": intra_op_threads,
            "inter_op_threads": inter_op_threads,
        }
        if self.workload in _ON_GRADIENTS:
            gradients = np.random.default_rng(0).standard_normal(
                (self.tasks, self.sizes.parameters), np.float32
            )
            return multitask_problems.AggregationJob(
                **common, workload=self.workload, gradients=tuple(gradients)
            )
        units = self.sizes.units
        if self.workload == "memory":
            units = (self.sizes.width,) * _DENSE_LAYERS
        return multitask_problems.StepJob(
            **common,
            workload=self.workload,
            tasks=self.tasks,
            examples=self.examples,
            filters=self.sizes.filters,
            units=list(units),
        )


def contests(
    workloads: Sequence[str], contenders: Sequence[str], sizes: Sizes
) -> list[list[Entry]]:
    """Returns the entries that run side by side, contest by contest.

    Args:
        workloads: names of `WORKLOADS`.
        contenders: names of `CONTENDERS`; others take no part.
        sizes: of the problems.
    """
    # Tasks, examples; the contenders, the first being the reference.
    rows: dict[str, tuple[int, int, tuple[str, ...]]] = {
        "own_data": (20, 8, ("sum", "pcgrad")),
        "shared_input": (8, 32, ("backwards", "pcgrad", "sum")),
        "aggregation": (
            20,
            0,
            ("gramian", "numpy_flat", "torch_flat", "torchjd"),
        ),
        "weights": (20, 0, ("gramian", "torchjd")),
        "memory": (8, 32, ("sum", "pcgrad", "pcgrad_parts")),
    }
    chosen = []
    for workload in workloads:
        tasks, examples, names = rows[workload]
        chosen.append(
            [
                Entry(workload, name, tasks, examples, sizes, names[0])
                for name in names
                if name in contenders
            ]
        )
    return [contest for contest in chosen if contest]

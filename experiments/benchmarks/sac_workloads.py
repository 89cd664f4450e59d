"""What SAC is timed against."""

import dataclasses
import pathlib
from collections.abc import Sequence

from experiments.benchmarks import entries, worker

_FOLDER = pathlib.Path(__file__).parent
_TFMETA = _FOLDER / "sac_tfmeta_worker.py"
_PEERS = _FOLDER / "sac_peer_worker.py"

CONTENDERS = {
    "tfmeta": entries.Contender("tfmeta", _TFMETA, False),
    "tfmeta_16": entries.Contender("tfmeta, 16 updates a call", _TFMETA, False),
    "sb3": entries.Contender("Stable-Baselines3", _PEERS, True),
    "sbx": entries.Contender("SBX", _PEERS, True),
    "sbx_16": entries.Contender("SBX, 16 updates a call", _PEERS, True),
    "plain": entries.Contender("Adam", _TFMETA, False),
    "pcgrad": entries.Contender("PCGrad(Adam)", _TFMETA, False),
    "compiled": entries.Contender("a compiled Keras model", _TFMETA, False),
    "matmul": entries.Contender("the matrix products", _TFMETA, False),
}
WORKLOADS = {
    "HalfCheetah-v5": "64 steps of HalfCheetah-v5, an update each, batch 256",
    "reach-v3": "64 steps of reach-v3, an update each, batch 256",
    "update": "An update alone, batch 256, sizes of HalfCheetah-v5",
    "tasks": "An update of 10 tasks, 64 rows each, sizes of Meta-World",
    "act": "256 actions, one at a time",
    "replay": "64 batches of 256 from 100,000 transitions",
}
# How often what is done once is done in a step.
COUNTS = {
    "HalfCheetah-v5": 64,
    "reach-v3": 64,
    "update": 1,
    "tasks": 1,
    "act": 256,
    "replay": 64,
}
_TRAINING = ("tfmeta", "tfmeta_16", "sb3", "sbx", "sbx_16")
_TAKING_PART = {
    "HalfCheetah-v5": _TRAINING,
    "reach-v3": _TRAINING,
    "update": ("tfmeta", "matmul"),
    "tasks": ("plain", "pcgrad"),
    "act": ("tfmeta", "compiled", "sb3", "sbx"),
    "replay": ("tfmeta", "sb3"),
}
GOALS = (
    ("HalfCheetah-v5", "sb3", "tfmeta", 1.6),
    ("HalfCheetah-v5", "sbx", "tfmeta", 1.05),
    ("HalfCheetah-v5", "sb3", "tfmeta_16", 1.9),
    ("HalfCheetah-v5", "sbx", "tfmeta_16", 1.25),
    ("tasks", "pcgrad", "plain", 1.2),
)
"""Workload, a contender, another, and their times' ratio that is wanted: of
`"tasks"` the most, else the least."""


@dataclasses.dataclass(frozen=True)
class SACJob(worker.Job):
    """What a contender is to do.

    Attributes:
        workload: one of `WORKLOADS`.
        count: how often, in a step.
    """

    workload: str
    count: int


@dataclasses.dataclass(frozen=True)
class Entry(entries.Entry):
    """A contender at a task: a row of the table.

    Attributes:
        workload: one of `WORKLOADS`.
        contender: one of `CONTENDERS`.
        reference: the contender that its time is divided by.
    """

    workload: str
    contender: str
    reference: str | None

    @property
    def kind(self) -> entries.Contender:
        """What the contender is."""
        return CONTENDERS[self.contender]

    @property
    def steps_factor(self) -> int:
        """How many more steps to make, for they are short."""
        return {"update": 20, "tasks": 5, "act": 3}.get(self.workload, 1)

    @property
    def has_loss_of_reference(self) -> bool:
        """Each has random numbers of its own."""
        return False

    @property
    def threads(self) -> int | None:
        """One, see `entries.Entry`."""
        return 1

    def make_job(
        self, *, intra_op_threads: int, inter_op_threads: int
    ) -> SACJob:
        """Returns what the contender's process is to do."""
        return SACJob(
            self.contender,
            intra_op_threads,
            inter_op_threads,
            workload=self.workload,
            count=COUNTS[self.workload],
        )


def contests(
    workloads: Sequence[str], contenders: Sequence[str]
) -> list[list[Entry]]:
    """Returns the entries that run side by side, contest by contest.

    Args:
        workloads: names of `WORKLOADS`.
        contenders: names of `CONTENDERS`; others take no part.
    """
    chosen = (
        [
            Entry(workload, name, _TAKING_PART[workload][0])
            for name in _TAKING_PART[workload]
            if name in contenders
        ]
        for workload in workloads
    )
    return [contest for contest in chosen if contest]

"""What plays Meta-World's episodes."""

import dataclasses
import pathlib

from experiments.benchmarks import entries, worker

_MODULE = pathlib.Path(__file__).parent / "environment_worker.py"
REFERENCE = "tfmeta"
CONTENDERS = {
    REFERENCE: entries.Contender("tfmeta", _MODULE, False),
    "package": entries.Contender("metaworld", _MODULE, False),
    "physics": entries.Contender("the physics alone", _MODULE, False),
}


@dataclasses.dataclass(frozen=True)
class EpisodeJob(worker.Job):
    """What a contender is to do: episodes of a task.

    Attributes:
        task: its name.
        horizon: steps of an episode.
    """

    task: str
    horizon: int


@dataclasses.dataclass(frozen=True)
class Entry(entries.Entry):
    """A contender at a task: a row of the table.

    Attributes:
        workload: the task.
        contender: one of `CONTENDERS`.
        horizon: steps of an episode.
        reference: the contender that its time is divided by.
    """

    workload: str
    contender: str
    horizon: int
    reference: str | None = REFERENCE

    @property
    def kind(self) -> entries.Contender:
        """What the contender is."""
        return CONTENDERS[self.contender]

    @property
    def steps_factor(self) -> int:
        """How many more steps to make, for they are short."""
        return 1

    @property
    def has_loss_of_reference(self) -> bool:
        """Whether its first loss, the return, is to be its reference's."""
        return self.contender != "physics"

    @property
    def threads(self) -> int | None:
        """How many threads its libraries have, see `entries.Entry`."""
        return 1

    def make_job(
        self, *, intra_op_threads: int, inter_op_threads: int
    ) -> EpisodeJob:
        """Returns what the contender's process is to do."""
        return EpisodeJob(
            self.contender,
            intra_op_threads,
            inter_op_threads,
            task=self.workload,
            horizon=self.horizon,
        )

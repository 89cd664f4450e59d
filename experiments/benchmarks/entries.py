"""What all benchmarks know of those that they time."""

import abc
import pathlib
from typing import NamedTuple

from experiments.benchmarks import worker


class Contender(NamedTuple):
    """One way to do a benchmark's work.

    Attributes:
        title: what it is, in a few words.
        module: the file whose `build` makes it.
        is_peer: whether it runs under the peers' interpreter.
    """

    title: str
    module: pathlib.Path
    is_peer: bool


class Entry(abc.ABC):
    """A contender at a task: a row of the table.

    Those of a benchmark are frozen dataclasses.

    Attributes:
        workload: what is done.
        contender: the name of who does it.
        reference: the contender that its time is divided by, if any: that of
            the entry which differs in the contender alone.
    """

    workload: str
    contender: str
    reference: str | None

    @property
    @abc.abstractmethod
    def kind(self) -> Contender:
        """What the contender is."""

    @property
    @abc.abstractmethod
    def steps_factor(self) -> int:
        """How many more steps to make, for they are short."""

    @property
    @abc.abstractmethod
    def has_loss_of_reference(self) -> bool:
        """Whether its first loss is to be that of its reference."""

    @property
    def threads(self) -> int | None:
        """How many threads its libraries have.

        0 for as many as they choose; None for as many in TensorFlow as the
        flags of the commands say (see `cli`), and what they choose in others.
        """
        return None

    @abc.abstractmethod
    def make_job(
        self, *, intra_op_threads: int, inter_op_threads: int
    ) -> worker.Job:
        """Returns what its process is to do; see there for the arguments."""

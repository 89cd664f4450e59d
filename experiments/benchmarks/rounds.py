"""Contenders by turns, so that a machine's moods strike all of them alike."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from experiments.benchmarks import entries

_WARM_UP_STEPS = 2


class Steps(Protocol):
    """What a `process.WorkerProcess` does."""

    started: float
    versions: dict[str, str]

    def step(self, count: int) -> dict:
        """Makes steps."""


@dataclasses.dataclass
class Measurement:
    """What came of an entry.

    Attributes:
        entry: what was timed.
        first_step_seconds: from the process' start to its first step's end.
        first_loss: the first step's loss, before any update.
        round_ms: the median step of each round.
        best_ms: the fastest step of all.
        peak_mb: the most memory that the process held.
        versions: of the packages that it imported.
    """

    entry: entries.Entry
    first_step_seconds: float
    first_loss: float
    versions: dict[str, str]
    round_ms: list[float] = dataclasses.field(default_factory=list)
    best_ms: float = math.inf
    peak_mb: float = 0.0


def start(entry: entries.Entry, steps: Steps) -> Measurement:
    """Makes the first step, timed from the process' start, and warms up."""
    loss = steps.step(1)["loss"]
    seconds = time.monotonic() - steps.started
    steps.step(_WARM_UP_STEPS)
    return Measurement(entry, seconds, loss, steps.versions)


def run(
    contenders: Sequence[tuple[Measurement, Steps]],
    *,
    rounds: int,
    steps_per_round: int,
    on_round: Callable[[int], None],
) -> None:
    """Lets contenders step by turns, and notes their times.

    Args:
        contenders: what to fill, and who steps.
        rounds: how often each has its turn.
        steps_per_round: steps of a turn, times the entry's `steps_factor`.
        on_round: is called with the number of rounds done.
    """
    for done in range(rounds):
        for measurement, steps in contenders:
            answer = steps.step(
                steps_per_round * measurement.entry.steps_factor
            )
            ms = [1e3 * seconds for seconds in answer["seconds"]]
            measurement.round_ms.append(statistics.median(ms))
            measurement.best_ms = min(measurement.best_ms, *ms)
            measurement.peak_mb = answer["peak_mb"]
        on_round(done + 1)

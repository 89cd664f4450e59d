"""Runs of on-policy agents: iterations that a kill does not harm."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import keras

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.rl import collecting, progress, run_checkpoints

Iteration = tuple[Sequence[collecting.EpisodeScore], Mapping[str, float]]
"""The episodes that ended in an iteration, and what there is to report."""


class Agent(Protocol):
    """What learns by iterations, between which it is its variables alone.

    Attributes:
        iterations: how many were made.
        stop_training: a callback sets it to end a run after the iteration.
    """

    iterations: keras.Variable
    stop_training: bool

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that it has learned, with the states of its optimizers."""


def run(
    agent: Agent,
    environments: Sequence[environment.Environment],
    iterate: Callable[[int], Iteration],
    *,
    iterations: int,
    steps_per_iteration: int,
    settings: Mapping[str, Any],
    callbacks: Iterable[keras.callbacks.Callback],
    verbose: int,
    checkpoints: str | os.PathLike | None,
    save_every: int,
    parts: Mapping[str, run_checkpoints.Part] | None = None,
) -> list[dict[str, float]]:
    """Makes iterations, the first of which is the one after the agent's last.

    Args:
        agent: what learns.
        environments: what it acts in.
        iterate: makes an iteration of a number, of which all that is random
            follows.
        iterations: how many there are to be in all.
        steps_per_iteration: in each environment.
        settings: all that would make another run, for checkpoints.
        callbacks: Keras callbacks, for which an iteration is an epoch.
        verbose: 1 to print a line of progress, 0 for none.
        checkpoints: a folder for checkpoints, or None.
        save_every: iterations from one checkpoint to the next.
        parts: by name, what the run has besides the agent's variables.

    Returns:
        The reports of the iterations, each with its `"seconds"`, and with those
        before the last checkpoint if the run goes on from one.

    Raises:
        InputError: if the folder holds another run, or more iterations.
        OSError: if a checkpoint cannot be written.
    """
    reports: list[dict[str, float]] = []
    saved = None
    if checkpoints is not None:
        saved = run_checkpoints.RunCheckpoints(
            checkpoints,
            settings={
                **settings,
                "environments": [each.name for each in environments],
                "horizons": [each.horizon for each in environments],
            },
            variables=agent.variables,
            parts=parts or {},
        )
        reports = saved.restore(iterations * steps_per_iteration) or []
    if int(agent.iterations) > iterations:
        raise errors.InputError(
            f"iterations={iterations}: expected {int(agent.iterations)} or "
            "more, which were made before"
        )
    told = progress.Progress(
        agent,
        environments,
        steps=iterations * steps_per_iteration,
        callbacks=callbacks,
        verbose=verbose,
    )
    number = int(agent.iterations)
    told.begin(number * steps_per_iteration)
    while number < iterations and not agent.stop_training:
        told.begin_epoch(number)
        started = time.monotonic()
        scores, report = iterate(number)
        number += 1
        agent.iterations.assign(number)
        reports.append({**report, "seconds": time.monotonic() - started})
        told.add(scores, report)
        told.end_epoch(number - 1, number * steps_per_iteration)
        if saved is not None and (
            number % save_every == 0 or number == iterations
        ):
            saved.save(number * steps_per_iteration, reports)
    told.end()
    return reports

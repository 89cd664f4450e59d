"""The rows of `results.json`: what a method scored on a split."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import numpy as np

from tfmeta import errors

# The version of rows, results and run folders. What has another one is refused.
SCHEMA = 2


class Estimate(TypedDict):
    """A number and what is known of its spread.

    Attributes:
        mean: the number, a mean where several were taken.
        ci95: half-width of its 95% interval; None where it is not known.
        count: over how many tasks or images it was taken; None likewise.
    """

    mean: float
    ci95: float | None
    count: int | None


class Row(TypedDict):
    """What one method scored on one split.

    Attributes:
        schema: `SCHEMA`.
        experiment: its name, as in the catalog.
        method: the method's name.
        problem: what tells this problem from others of the experiment, such as
            the data set, the ways and the shots: `Experiment.traits`.
        seed: what fixed data, weights and draws.
        split: what was scored on; empty if the method diverged.
        metrics: what was measured, by name. A name with a stroke is that of a
            part, such as `accuracy/greek` for the task `greek`.
        settings: the method's, those that it has.
        budget: how long it trained and on how much.
        seconds: of training.
        commit: of the tree that ran it.
        notes: what is said in words: `diverged`, why there are no scores;
            `pac_bayes`, whether a bound is vacuous, or why there is none.
    """

    schema: int
    experiment: str
    method: str
    problem: dict[str, Any]
    seed: int
    split: str
    metrics: dict[str, Estimate]
    settings: dict[str, Any]
    budget: dict[str, Any]
    seconds: float
    commit: str | None
    notes: dict[str, str]


class Results(TypedDict):
    """The content of a `results.json`.

    Attributes:
        schema: `SCHEMA`.
        command: the name of the command that ran.
        rows: one for each method and split.
        config: the flags that fix the results.
        versions: of the packages.
        commit: of the tree that ran it.
    """

    schema: int
    command: str
    rows: list[Row]
    config: dict[str, Any]
    versions: dict[str, str]
    commit: str | None


def point(value: float) -> Estimate:
    """Returns an estimate of which nothing but the number is known."""
    return {"mean": float(value), "ci95": None, "count": None}


def estimate(mean: float, ci95: float, count: int) -> Estimate:
    """Returns an estimate of a mean over so many tasks or images."""
    return {"mean": float(mean), "ci95": float(ci95), "count": int(count)}


def sample(values: np.ndarray) -> Estimate:
    """Returns an estimate of the mean of what values were drawn from.

    Args:
        values: `[values]`, two or more, drawn independently.
    """
    half = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    return estimate(values.mean(), half, len(values))


def check_schema(content: Any, where: str) -> None:
    """Checks the version of a results file, a row or a run's settings.

    Args:
        content: what was read, with a `"schema"`.
        where: what to call it.

    Raises:
        InputError: if it has another version.
    """
    schema = content.get("schema") if isinstance(content, Mapping) else None
    if schema != SCHEMA:
        has = "no version" if schema is None else f"version {schema!r:.20}"
        raise errors.InputError(
            f"{where}: has {has}; this program reads version {SCHEMA}"
        )


def short_commits(of: Iterable[Row]) -> str:
    """Returns the commits of rows, seven digits of each."""
    # A tree that differed from its commit is marked.
    return ", ".join(
        sorted(
            {
                commit[:7] + ("-dirty" if commit.endswith("-dirty") else "")
                for row in of
                for commit in [row["commit"] or "unknown"]
            }
        )
    )

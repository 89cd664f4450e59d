"""Checks of arguments that environments have in common."""

import importlib
import types
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tfmeta import errors


def import_package(name: str) -> types.ModuleType:
    """Imports a package of the extra `rl` when it is needed.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise errors.InputError(
            f"environment: {package} cannot be imported ({error}): "
            "pip install 'tfmeta[rl]'"
        ) from error


def check_horizon(horizon: int, most: int | None = None) -> None:
    """Checks the number of steps of an episode.

    Args:
        horizon: the number.
        most: how many an episode can have; None: any number.

    Raises:
        InputError: if there are no such episodes.
    """
    if horizon < 1 or (most is not None and horizon > most):
        upper = "or more" if most is None else f"to {most}"
        raise errors.InputError(
            f"horizon: expected 1 {upper} steps, got {horizon}"
        )


def check_choice(argument: str, value: Any, choices: Collection[str]) -> None:
    """Checks that a value is one of a few.

    Raises:
        InputError: if it is none of them.
    """
    if value not in choices:
        raise errors.InputError(
            f"{argument}: expected one of {', '.join(choices)}, got {value!r}"
        )


def check_count(argument: str, count: int) -> None:
    """Checks that a number of things is positive.

    Raises:
        InputError: if it is not.
    """
    if count < 1:
        raise errors.InputError(f"{argument}: expected 1 or more, got {count}")


def check_seed(seed: int) -> None:
    """Checks a seed, which may have any size.

    Raises:
        InputError: if it is negative.
    """
    if seed < 0:
        raise errors.InputError(f"seed: expected 0 or more, got {seed}")


def as_goals(goals: Any, size: int) -> np.ndarray:
    """Returns goals as an array `[goals, size]` of float64.

    Raises:
        InputError: if they are not, or are not finite.
    """
    array = np.asarray(goals, np.float64)
    if array.ndim != 2 or array.shape[1] != size or not len(array):
        raise errors.InputError(
            f"goals: expected an array [goals, {size}], got {list(array.shape)}"
        )
    if not np.isfinite(array).all():
        raise errors.InputError(
            "goals: expected finite numbers, got NaN or inf"
        )
    return array


def choose_goal(
    options: Mapping[str, Any] | None,
    goals: np.ndarray,
    generator: np.random.Generator,
) -> int:
    """Returns the number of an episode's goal.

    Args:
        options: of `Environment.reset`.
        goals: `[goals, ...]`.
        generator: chooses where the options do not.

    Raises:
        InputError: if there is no such goal.
    """
    goal = (options or {}).get("goal")
    if goal is None:
        return int(generator.integers(len(goals)))
    check_goal(goal, goals)
    return int(goal)


def check_goal(goal: int, goals: np.ndarray) -> None:
    """Checks the number of a goal.

    Raises:
        InputError: if there is no such goal.
    """
    if not 0 <= goal < len(goals):
        raise errors.InputError(
            f"goal: expected 0 to {len(goals) - 1}, got {goal}"
        )

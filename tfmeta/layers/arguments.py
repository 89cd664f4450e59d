"""Checks of arguments that layers and networks have in common."""

import math
import numbers
from collections.abc import Iterable

from tfmeta import errors


def check_positive_integers(**values: int) -> None:
    """Checks that values are integers above 0.

    Args:
        **values: by the names of the arguments.

    Raises:
        InputError: if one is not.
    """
    for name, value in values.items():
        if not isinstance(value, numbers.Integral) or value < 1:
            raise errors.InputError(
                f"{name}={value!r}: expected a positive integer"
            )


def check_positive(**values: float) -> None:
    """Checks that values are finite numbers above 0.

    Args:
        **values: by the names of the arguments.

    Raises:
        InputError: if one is not.
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise errors.InputError(
                f"{name}={value}: expected a positive number"
            )


def check_not_negative(**values: float) -> None:
    """Checks that values are numbers not below 0.

    Args:
        **values: by the names of the arguments.

    Raises:
        InputError: if one is not.
    """
    for name, value in values.items():
        if not value >= 0:
            raise errors.InputError(
                f"{name}={value}: expected a number not below 0"
            )


def check_shares(**values: float) -> None:
    """Checks that values are from 0 to 1.

    Args:
        **values: by the names of the arguments.

    Raises:
        InputError: if one is not.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise errors.InputError(
                f"{name}={value}: expected a number in [0, 1]"
            )


def check_task_names(tasks: Iterable[str]) -> list[str]:
    """Checks the names of tasks, and returns them as a list.

    Args:
        tasks: the names.

    Raises:
        InputError: if there are none, or two are the same.
    """
    names = list(tasks)
    if not names or len(set(names)) < len(names):
        raise errors.InputError(
            f"tasks={names}: expected one or more different names"
        )
    return names

"""Whether a file holds results that can be shown."""

import types
import typing
from collections.abc import Mapping
from typing import Any

from experiments.run import contract, rows
from tfmeta import errors


def check(result: Any, commands: Mapping[str, contract.Command]) -> None:
    """Checks that results are of a known experiment, and whole.

    Args:
        result: the content of a `results.json`.
        commands: what each command runs, by name.

    Raises:
        InputError: with the reason why they cannot be shown.
    """
    if not isinstance(result, dict) or not isinstance(result.get("rows"), list):
        raise errors.InputError("holds no results (no rows)")
    if not result["rows"]:
        raise errors.InputError("holds no results yet (its rows are empty)")
    rows.check_schema(result, "the file")
    _check_type(result, rows.Results, "the file")
    command = commands.get(result["command"])
    if command is None:
        raise errors.InputError(f"command {result['command']!r:.80} is unknown")
    experiment = contract.experiment_of(command)
    for row in result["rows"]:
        where = f"the row of {row['method']!r:.80}"
        rows.check_schema(row, where)
        if row["experiment"] != experiment.name:
            raise errors.InputError(
                f"{where}: expected experiment {experiment.name}, found "
                f"{row['experiment']!r:.80}"
            )
        try:
            experiment.problem_title(row["problem"])
            experiment.chance(row["problem"])
            experiment.page_notes([row])
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise errors.InputError(
                f"{where}: the problem, the budget or the settings are not "
                f"those of {experiment.name} ({error!r:.80})"
            ) from error
    metric = experiment.metric.name
    if not any(metric in row["metrics"] for row in result["rows"]):
        raise errors.InputError(f"holds no scores (no {metric})")


def _check_type(value: Any, expected: Any, where: str) -> None:
    """Checks a value of JSON against the type that it is to have."""
    origin = typing.get_origin(expected)
    if typing.is_typeddict(expected):
        _check_type(value, dict, where)
        for name, inside in typing.get_type_hints(expected).items():
            _check_type(value.get(name), inside, f"{name} of {where}")
    elif origin is dict:
        _check_type(value, dict, where)
        for name, inside in value.items():
            kind = typing.get_args(expected)[1]
            _check_type(inside, kind, f"{name[:80]} of {where}")
    elif origin is list:
        _check_type(value, list, where)
        for number, inside in enumerate(value):
            kind = typing.get_args(expected)[0]
            _check_type(inside, kind, f"{number} of {where}")
    elif expected is not Any:
        union = origin is types.UnionType
        kinds = typing.get_args(expected) if union else (expected,)
        # JSON has whole numbers where numbers are meant.
        if not isinstance(value, (*kinds, *(int,) * (float in kinds))):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise errors.InputError(
                f"{where}: expected {names}, found {value!r:.80}"
            )

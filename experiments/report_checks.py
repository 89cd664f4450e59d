"""Whether a file holds results that the report can show."""

from collections.abc import Mapping
from typing import Any

from tfmeta import errors

CLASSIFICATION = "nme_classification"
TRAGIC_TRIAD = "tragic_triad"
MULTITASK = "multitask_cifar100"
EXPERIMENTS = (
    *(CLASSIFICATION, "sinusoid", "pose_prediction"),
    *(TRAGIC_TRIAD, MULTITASK),
)
METRICS = ("accuracy", "mse")

_NUMBER = (int, float)
_LEARNER_ROW: dict[str, tuple[type, ...]] = {
    "split": (str,),
    "seed": (int,),
    "settings": (dict,),
    "seconds": _NUMBER,
}
_COUNTS = ("tasks", "classes", "ways", "shots")
_MAYBE: dict[str, tuple[type, ...]] = {
    "dataset": (str,),
    "construction": (str,),
    **dict.fromkeys(_COUNTS, (int,)),
    "paper": _NUMBER,
    "paper_std": _NUMBER,
    "commit": (str,),
    "ece": _NUMBER,
}
_BOUND = {"bound": _NUMBER, "even_bound": _NUMBER, "kl": _NUMBER}
_DESCENT = {"theta": (list,), "losses": (list,), "loss": _NUMBER}
_THEOREM = {
    "pairs": (int,),
    "conditions_met": (int,),
    "conclusion_holds": (int,),
    "conclusion_holds_otherwise": _NUMBER,
}


def check(result: Any) -> None:
    """Checks that results are of a known experiment, and whole.

    Args:
        result: the content of a `results.json`.

    Raises:
        InputError: with the reason why they cannot be shown.
    """
    if not isinstance(result, dict) or not isinstance(result.get("rows"), list):
        raise errors.InputError("holds no results (no rows)")
    rows = result["rows"]
    if not rows:
        raise errors.InputError("holds no results yet (its rows are empty)")
    for row in rows:
        if not isinstance(row, dict):
            raise errors.InputError(
                f"expected rows as objects, found {row!r:.80}"
            )
    name = experiment(result)
    _require(result, {"config": (dict,)}, "the result")
    _allow(result["config"], {"seed": (int,)}, "the config")
    _allow(result, {"commit": (str,), "versions": (dict,)}, "the result")
    for row in rows:
        _require(row, {"method": (str,)}, "a row")
        where = f"the row of {row['method']!r:.80}"
        if name == TRAGIC_TRIAD:
            _require(row, _THEOREM if "pairs" in row else _DESCENT, where)
            for pair in ("theta", "losses"):
                _require_pair(row.get(pair, (0, 0)), where)
        elif "diverged" in row:
            _require(row, {"settings": (dict,)}, where)
            _require(row["settings"], {"inner_learning_rate": _NUMBER}, where)
        else:
            _check_learner_row(row, where)
            if name == MULTITASK:
                _check_tasks(row, where)


def experiment(result: Mapping[str, Any]) -> str:
    """Returns the experiment that results are of.

    Raises:
        InputError: if they do not say it, or it is unknown.
    """
    # A learner that diverged in a study has no scores, and says no more.
    scored = [row for row in result["rows"] if "diverged" not in row]
    if not scored:
        raise errors.InputError("holds no scores (it diverged)")
    if all(row.get("experiment") is None for row in scored):
        raise errors.InputError(
            "does not say of which experiment it is (another version wrote it)"
        )
    (name, *others) = sorted({str(row.get("experiment")) for row in scored})
    if others or name not in EXPERIMENTS:
        raise errors.InputError(
            f"experiment {' and '.join([name, *others])!r:.80} is unknown"
        )
    return name


def is_study(result: Mapping[str, Any]) -> bool:
    """Returns whether results are a study's, of methods at several rates."""
    if experiment(result) != CLASSIFICATION:
        return False
    rates: dict[str, set[float]] = {}
    for row in result["rows"]:
        rate = row["settings"].get("inner_learning_rate")
        if rate is not None:
            rates.setdefault(row["method"], set()).add(rate)
    return any(len(found) > 1 for found in rates.values()) or any(
        "diverged" in row for row in result["rows"]
    )


def metric(row: Mapping[str, Any]) -> str:
    """Returns the name of the metric that a row's method is judged by."""
    for name in METRICS:
        if name in row:
            return name
    raise errors.InputError(
        f"the row of {row['method']!r:.80}: expected one of "
        f"{', '.join(METRICS)}"
    )


def _check_learner_row(row: Mapping[str, Any], where: str) -> None:
    _require(row, _LEARNER_ROW, where)
    _allow(row, _MAYBE, where)
    for count in _COUNTS:
        if row.get(count) is not None and row[count] < 1:
            raise errors.InputError(
                f"{where}: expected {count} above 0, found {row[count]}"
            )
    name = metric(row)
    for score in (
        *(name, f"{name}_before_adaptation", f"{name}_with_other_support"),
        "nll",
    ):
        if score == name or score in row:
            _require(row, {score: (dict,)}, where)
            _require(row[score], {"mean": _NUMBER}, f"{score} of {where}")
            _allow(row[score], {"ci95": _NUMBER}, f"{score} of {where}")
    rate = {"inner_learning_rate": _NUMBER, "learning_rate": _NUMBER}
    _allow(row["settings"], rate, f"the settings in {where}")
    conflicts = {"conflicting_pairs": _NUMBER}
    for optional, needed in (("conflicts", conflicts), ("pac_bayes", _BOUND)):
        found = row.get(optional)
        if not found:
            continue
        _require(row, {optional: (dict,)}, where)
        if "not_applicable" not in found:
            _require(found, needed, f"{optional} of {where}")


def _check_tasks(row: Mapping[str, Any], where: str) -> None:
    _require(row, {"task_accuracy": (dict,)}, where)
    of_tasks = row["task_accuracy"]
    if not of_tasks:
        raise errors.InputError(f"{where}: expected task_accuracy of tasks")
    _require(of_tasks, dict.fromkeys(of_tasks, _NUMBER), where)


def _require_pair(values: list[Any], where: str) -> None:
    if len(values) != 2 or not all(isinstance(v, _NUMBER) for v in values):
        raise errors.InputError(
            f"{where}: expected two numbers, found {values!r:.80}"
        )


def _require(
    mapping: Mapping[str, Any],
    fields: Mapping[str, tuple[type, ...]],
    where: str,
) -> None:
    for name, types in fields.items():
        if not isinstance(mapping.get(name), types):
            expected = " or ".join(kind.__name__ for kind in types)
            raise errors.InputError(
                f"{where}: expected {name} as {expected}, found "
                f"{mapping.get(name)!r:.80}"
            )


def _allow(
    mapping: Mapping[str, Any],
    fields: Mapping[str, tuple[type, ...]],
    where: str,
) -> None:
    """Checks those of the fields that are there and not null."""
    there = {k: v for k, v in fields.items() if mapping.get(k) is not None}
    _require(mapping, there, where)

"""Runs that differ by their seed alone, as one line of a table."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from experiments.run import contract, rows

_Item = TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class Group:
    """A method's rows, of runs that differ by their seed alone.

    Attributes:
        experiment: what was run.
        method: the method's name.
        problem: what its tasks are.
        asked: all that the runs have in common: the problem, the budget, the
            method's settings, and the flags that say more of these.
        by_split: for each split one row a seed, in the seeds' order.
    """

    experiment: contract.Experiment
    method: str
    problem: contract.Values
    asked: contract.Values
    by_split: Mapping[str, Sequence[rows.Row]]

    @property
    def title(self) -> str:
        """The method's title."""
        return method_title(self.experiment, self.method)

    @property
    def tested(self) -> bool:
        """Whether it was scored on the split that is kept for the end."""
        return self.by_split.keys() >= set(self.experiment.splits[-1:])

    @property
    def main_rows(self) -> Sequence[rows.Row]:
        """The rows of the split that says most: of test if it was scored."""
        return self._rows_of(
            [*reversed(self.experiment.splits), *self.by_split]
        )

    @property
    def all_rows(self) -> list[rows.Row]:
        """The rows of all splits."""
        return list(itertools.chain.from_iterable(self.by_split.values()))

    @property
    def published(self) -> contract.Published | None:
        """The paper's figure for what was scored, if there is one."""
        return self.experiment.find_published(
            self.method, self.problem, self.main_rows[0]["split"]
        )

    def estimates(
        self, metric: str, splits: Sequence[str] = ()
    ) -> list[rows.Estimate]:
        """Returns what was measured of a metric, for each seed.

        Args:
            metric: its name.
            splits: of the first of these that was scored; if there are none, of
                the one that says most.
        """
        of = self._rows_of(splits) if splits else self.main_rows
        return [
            row["metrics"][metric] for row in of if metric in row["metrics"]
        ]

    def means(self, metric: str, splits: Sequence[str] = ()) -> list[float]:
        """Returns the means of `estimates` in the unit of the metric."""
        factor = self.experiment.find_metric(metric).factor
        return [factor * e["mean"] for e in self.estimates(metric, splits)]

    def _rows_of(self, splits: Iterable[str]) -> Sequence[rows.Row]:
        """Returns the rows of the first of some splits that was scored."""
        return next(filter(None, map(self.by_split.get, splits)), ())


def collect(
    results: Iterable[Mapping[str, Any]], experiment: contract.Experiment
) -> list[Group]:
    """Groups the rows of runs that differ by their seed alone.

    Args:
        results: contents of `results.json` files of one experiment.
        experiment: this experiment.

    Returns:
        The groups, by problem, method and settings.
    """
    # What flags say of a method's settings stands in its rows.
    settings = (*experiment.hyperparameters, *experiment.places)
    unasked = {"seed", *(setting.name for setting in settings)}
    pairs: list[tuple[dict[str, Any], rows.Row]] = []
    for result in results:
        flags = {
            name: value
            for name, value in result.get("config", {}).items()
            if value is not None and name not in unasked
        }
        pairs += [
            (flags | row["problem"] | row["budget"] | row["settings"], row)
            for row in result["rows"]
        ]
    collected = []
    for same in partition(pairs, lambda pair: (pair[1]["method"], pair[0])):
        asked, first = same[0]
        by_split: dict[str, list[rows.Row]] = {}
        for _, row in sorted(same, key=lambda pair: pair[1]["seed"]):
            by_split.setdefault(row["split"], []).append(row)
        method, problem = first["method"], first["problem"]
        collected.append(Group(experiment, method, problem, asked, by_split))
    order = {method: number for number, method in enumerate(experiment.methods)}
    return sorted(
        collected,
        key=lambda group: (
            place(group.problem, experiment),
            order.get(group.method, len(order)),
            group.method,
            [
                (name, sortable(group.asked[name]))
                for name in sorted(group.asked)
            ],
        ),
    )


def method_title(experiment: contract.Experiment, method: str) -> str:
    """Returns a method's title, or its name if it is not known here."""
    known = experiment.methods.get(method)
    return known.title if known else method.replace("_", " ")


def place(
    problem: contract.Values, experiment: contract.Experiment
) -> list[Any]:
    """Returns what sorts the problems of an experiment."""
    return [sortable(problem.get(trait.name)) for trait in experiment.traits]


def partition(
    items: Iterable[_Item], key: Callable[[_Item], Any]
) -> list[list[_Item]]:
    """Puts items with the same key, any JSON, together, in order."""
    parts: dict[str, list[_Item]] = {}
    for item in items:
        parts.setdefault(json.dumps(key(item), sort_keys=True), []).append(item)
    return list(parts.values())


def sortable(value: Any) -> tuple[int, float, str]:
    """Returns what sorts values: numbers by size, then all others."""
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0.0, json.dumps(value, sort_keys=True)

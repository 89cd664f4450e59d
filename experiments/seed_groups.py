"""Runs that differ by their seed alone, as one line of a table."""

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

# What a row says of the tasks, in the order in which tables are sorted.
PROBLEM = (
    *("experiment", "dataset", "construction", "tasks", "classes"),
    *("ways", "shots"),
)
_BUDGET = ("steps", "batch_size", "meta_batch_size", "queries", "augmentation")
# The splits, those that say most of a method first.
_SPLITS = ("meta-test", "test", "meta-validation", "validation", "meta-train")


@dataclasses.dataclass(frozen=True)
class Group:
    """A method's rows, of runs that differ by their seed alone.

    Attributes:
        method: its name.
        setup: what the runs have in common: the tasks, the budget, the flags
            of the run that were given, and the method's settings.
        rows: for each split one row a seed, in the seeds' order.
        commits: the commits that the runs were made with, each once, sorted.
    """

    method: str
    setup: Mapping[str, Any]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    commits: Sequence[str]

    @property
    def told(self) -> Sequence[Mapping[str, Any]]:
        """The rows of the split that says most: of test if it was scored."""
        for split in _SPLITS:
            if split in self.rows:
                return self.rows[split]
        return next(iter(self.rows.values()))

    def means(self, split: str, score: str) -> list[float]:
        """Returns a score's mean for each seed, none if it was not taken."""
        rows = self.rows.get(split, ())
        return [row[score]["mean"] for row in rows if score in row]


def collect(
    results: Sequence[Mapping[str, Any]], methods: Collection[str] = ()
) -> list[Group]:
    """Groups the rows of runs that differ by their seed alone.

    Args:
        results: contents of `results.json` files.
        methods: names of methods in the order wanted; others come behind them.

    Returns:
        The groups, by tasks, method and settings.
    """
    order = {method: number for number, method in enumerate(methods)}
    found: dict[str, dict[str, Any]] = {}
    for result in results:
        config = result.get("config", {})
        for row in result["rows"]:
            setup = _setup(row, config)
            key = json.dumps([row["method"], setup], sort_keys=True)
            group = found.setdefault(
                key, {"method": row["method"], "setup": setup, "rows": []}
            )
            seed = row.get("seed", config.get("seed", 0))
            commit = row.get("commit") or result.get("commit") or "unknown"
            group["rows"].append((seed, commit, row))

    def place(group):
        setup = group["setup"]
        return (
            place_of_tasks(setup),
            order.get(group["method"], len(order)),
            group["method"],
            [(name, _sortable(setup[name])) for name in sorted(setup)],
        )

    return [_group(**group) for group in sorted(found.values(), key=place)]


def place_of_tasks(setup: Mapping[str, Any]) -> list[Any]:
    """Returns what sorts tasks, by what a group's setup or a row says."""
    return [_sortable(setup.get(name)) for name in PROBLEM]


def short_commits(groups: Sequence[Group]) -> str:
    """Returns the commits of groups, as seven digits each."""
    commits = {commit for group in groups for commit in group.commits}
    # A tree that differed from its commit is marked.
    return ", ".join(
        sorted(
            commit[:7] + ("-dirty" if commit.endswith("-dirty") else "")
            for commit in commits
        )
    )


def _setup(row: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    # What a flag overrode stands in the settings, too, and there alone if the
    # method has that value anyway.
    setup = {name: value for name, value in config.items() if value is not None}
    setup |= {name: row[name] for name in (*PROBLEM, *_BUDGET) if name in row}
    setup |= row.get("settings", {})
    setup.pop("seed", None)
    return setup


def _sortable(value: Any) -> tuple[int, float, str]:
    """Returns what sorts numbers as numbers, before all else."""
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0.0, json.dumps(value, sort_keys=True)


def _group(*, method, setup, rows) -> Group:
    by_split: dict[str, list[Mapping[str, Any]]] = {}
    for _, _, row in sorted(rows, key=lambda entry: entry[0]):
        by_split.setdefault(row.get("split", ""), []).append(row)
    commits = sorted({commit for _, commit, _ in rows})
    return Group(method, setup, by_split, commits)

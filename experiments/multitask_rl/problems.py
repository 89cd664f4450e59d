"""Tasks of Meta-World that are learned together."""

import dataclasses
from collections.abc import Sequence

from experiments.run import contract
from tfmeta import environments, errors
from tfmeta.environments import environment
from tfmeta.environments.metaworld import loading

# Ours: few enough for two cores.
_MT5 = (
    "reach-v3",
    "drawer-close-v3",
    "button-press-topdown-v3",
    "window-open-v3",
    "window-close-v3",
)
# From what a command line calls a benchmark to what `load_metaworld` takes.
BENCHMARKS: dict[str, str | Sequence[str]] = {
    "mt5": _MT5,
    **{name.lower(): name for name in loading.MULTI_TASK_BENCHMARKS},
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """Tasks of one arm, each with goals that observations show.

    Attributes:
        values: see `contract.Problem`.
        train: one environment for each task, to learn in.
        evaluation: the same again, with the same goals, to be scored in while
            the episodes of the others go on.
    """

    values: contract.Values
    train: Sequence[environment.Environment]
    evaluation: Sequence[environment.Environment]

    @property
    def task_names(self) -> list[str]:
        """The tasks' names."""
        return [task.name for task in self.train]

    @property
    def summary(self) -> str:
        """What a run prints of it."""
        return (
            f"{', '.join(self.task_names)}: {self.values['reward_version']} "
            f"rewards, {self.values['horizon']} steps in an episode"
        )


def load(values: contract.Values) -> Problem:
    """Loads the tasks.

    Raises:
        InputError: if there is no such task, or no such horizon.
    """
    return Problem(values, _load(values), _load(values))


def _load(values: contract.Values) -> list[environment.Environment]:
    asked = values["benchmark"]
    try:
        return environments.load_metaworld(
            BENCHMARKS.get(asked, asked.split(",")),
            reward_version=values["reward_version"],
            horizon=values["horizon"],
            goal="shown",
            goals=values["goals"],
        )
    except errors.InputError as error:
        raise errors.InputError(
            f"--benchmark={asked}, --horizon={values['horizon']}: {error}"
        ) from error

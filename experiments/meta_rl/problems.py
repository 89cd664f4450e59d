"""What policies learn to adapt to."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from experiments.run import contract
from tfmeta import environments
from tfmeta.environments import environment

# Rakelly et al. (2019), for goals that are drawn.
_TRAIN_GOALS = 80
_TEST_GOALS = 20


class Task(NamedTuple):
    """A task to be scored on.

    Attributes:
        name: what it is called, such as "forward"; empty if it is one of many.
        environment: where it is.
        goal: the number of its goal.
    """

    name: str
    environment: environment.Environment
    goal: int


@dataclasses.dataclass(frozen=True)
class Problem:
    """Tasks that differ by a goal that no observation shows.

    Attributes:
        values: see `contract.Problem`.
        train: one environment for each task of a meta-batch.
        tasks: by split, what to score on.
        draws: how a picture of an episode is made: the name of the environment
            in `render_worker`, None if there is no picture.
    """

    values: contract.Values
    train: Sequence[environment.Environment]
    tasks: dict[str, list[Task]]
    draws: str | None = None

    @property
    def summary(self) -> str:
        """What a run prints of it."""
        first = self.train[0]
        return (
            f"{first.name}: {len(self.train)} tasks in a meta-batch, "
            f"{first.horizon} steps in an episode"
        )


def directions(values: contract.Values) -> Problem:
    """Returns the cheetah that runs forward or backward: two tasks in all."""
    tasks = [
        Task(
            name,
            environments.cheetah_direction(
                horizon=values["horizon"], goals=[[sign]]
            ),
            0,
        )
        for name, sign in (("forward", 1.0), ("backward", -1.0))
    ]
    return Problem(
        values,
        [task.environment for task in tasks],
        {"meta-train": tasks},
        "cheetah_direction",
    )


def velocities(values: contract.Values) -> Problem:
    """Returns the cheetah that runs as fast as it should."""

    def make(split_seed: int, count: int) -> environment.Environment:
        return environments.cheetah_velocity(
            environments.sample_velocities(count, most=2.0, seed=split_seed),
            horizon=values["horizon"],
        )

    return _drawn(values, make)


def points(values: contract.Values) -> Problem:
    """Returns the point robot that does not see where it should go."""

    def make(split_seed: int, count: int) -> environment.Environment:
        return environments.PointRobot(
            "dense",
            environments.sample_goals("dense", count, seed=split_seed),
            horizon=values["horizon"],
        )

    return _drawn(values, make)


def _drawn(
    values: contract.Values,
    make: Callable[[int, int], environment.Environment],
) -> Problem:
    """Returns a problem whose goals are drawn, other ones for each split."""
    return Problem(
        values,
        [make(0, _TRAIN_GOALS) for _ in range(values["meta_batch_size"])],
        {
            split: [
                # Each with an environment of its own: they play side by side.
                Task("", make(split_seed, count), goal)
                for goal in range(_TEST_GOALS)
            ]
            for split_seed, (split, count) in enumerate(
                (("meta-train", _TRAIN_GOALS), ("meta-test", _TEST_GOALS))
            )
        },
    )

"""What policies learn to adapt to."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.run import contract
from tfmeta import environments
from tfmeta.environments import environment

# Rakelly et al. (2019), for goals that are drawn.
_TRAIN_GOALS = 80
_TEST_GOALS = 20
# Of each direction. What a step is made of is drawn, and one step is luck.
_TRIALS = 10
# Of each of Meta-World's tasks, by its protocol.
_GOALS = 50


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
        shared_out: environments whose goals are together those of `train`,
            each once: for what keeps apart what it saw of each goal.
        tasks: by split, what to score on.
        draws: how a picture of an episode is made: the name of the environment
            in `render_worker`, None if there is no picture.
    """

    values: contract.Values
    train: Sequence[environment.Environment]
    shared_out: Sequence[environment.Environment]
    tasks: dict[str, list[Task]]
    draws: str | None = None

    @property
    def summary(self) -> str:
        """What a run prints of it."""
        first = self.train[0]
        names = ", ".join(dict.fromkeys(each.name for each in self.train))
        return (
            f"{names}: {len(self.train)} tasks in a meta-batch, "
            f"{first.horizon} steps in an episode"
        )


def directions(values: contract.Values) -> Problem:
    """Returns the cheetah that runs forward or backward: two tasks in all."""

    def make(sign: float) -> environment.Environment:
        return environments.cheetah_direction(
            horizon=values["horizon"], goals=[[sign]]
        )

    signs = {"forward": 1.0, "backward": -1.0}
    train = [make(sign) for sign in signs.values()]
    tasks = [
        Task(name, make(sign), 0)
        for name, sign in signs.items()
        for _ in range(_TRIALS)
    ]
    return Problem(
        values, train, train, {"meta-train": tasks}, "cheetah_direction"
    )


def velocities(values: contract.Values) -> Problem:
    """Returns the cheetah that runs as fast as it should."""

    def make(goals: np.ndarray) -> environment.Environment:
        return environments.cheetah_velocity(goals, horizon=values["horizon"])

    def sample(split_seed: int, count: int) -> np.ndarray:
        return environments.sample_velocities(count, most=2.0, seed=split_seed)

    return _drawn(
        values,
        make,
        sample,
        shares=min(values["meta_batch_size"], _TRAIN_GOALS),
    )


def points(values: contract.Values) -> Problem:
    """Returns the point robot that does not see where it should go."""
    reward = values["reward"]

    def make(goals: np.ndarray) -> environment.Environment:
        return environments.PointRobot(reward, goals, horizon=values["horizon"])

    def sample(split_seed: int, count: int) -> np.ndarray:
        return environments.sample_goals(reward, count, seed=split_seed)

    # They take no time: a trial with each goal in each step.
    return _drawn(values, make, sample, shares=_TRAIN_GOALS)


def benchmarks(values: contract.Values) -> Problem:
    """Returns a meta-learning benchmark of Meta-World, goals hidden.

    Of ML1 the splits have other goals of one task; of the others other tasks.
    What is scored on are 40 goals of each task.
    """
    benchmark = values["benchmark"]
    tasks = (
        [f"{benchmark.removeprefix('ml1-')}-v3"]
        if benchmark.startswith("ml1-")
        else benchmark.upper()
    )

    def load(split: str) -> list[environment.Environment]:
        return environments.load_metaworld(
            tasks,
            reward_version=values["reward_version"],
            horizon=values["horizon"],
            goal="hidden",
            split=split,
            goals=_GOALS,
        )

    shared_out = load("train")
    train = list(shared_out)
    while len(train) < values["meta_batch_size"]:
        train += load("train")
    return Problem(
        values,
        # Of ML45, say, all tasks are in each meta-batch.
        train[: max(values["meta_batch_size"], len(shared_out))],
        shared_out,
        {
            split: [
                Task(each.name, each, goal)
                for each in (
                    load("test") if split == "meta-test" else shared_out
                )
                for goal in range(values["scored_goals"])
            ]
            for split in values["eval_splits"]
        },
    )


def _drawn(
    values: contract.Values,
    make: Callable[[np.ndarray], environment.Environment],
    sample: Callable[[int, int], np.ndarray],
    *,
    shares: int,
) -> Problem:
    """Returns a problem whose goals are drawn, other ones for each split.

    Args:
        values: of the settings.
        make: makes an environment of goals.
        sample: draws so many goals of a seed.
        shares: among how many environments goals are shared out at most.
    """
    goals = sample(0, _TRAIN_GOALS)
    return Problem(
        values,
        [make(goals) for _ in range(values["meta_batch_size"])],
        [make(goals[first::shares]) for first in range(shares)],
        {
            split: [
                # Each with an environment of its own: they play side by side.
                Task("", make(sample(split_seed, count)), goal)
                for goal in range(_TEST_GOALS)
            ]
            for split_seed, (split, count) in enumerate(
                (("meta-train", _TRAIN_GOALS), ("meta-test", _TEST_GOALS))
            )
        },
    )

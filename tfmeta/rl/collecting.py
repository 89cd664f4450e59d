"""Acting in several environments at once, step by step."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tfmeta import checkpoint_folder, errors
from tfmeta.environments import environment as environments
from tfmeta.environments import episode_recorder
from tfmeta.rl import replay

FORMAT = 1
"""The version of what a saved collector's folder holds."""

_STATE = "collector.json"
_EPISODES = "episodes.npz"


class EpisodeScore(NamedTuple):
    """What came of an episode.

    Attributes:
        task: the number of its environment.
        steps: how many it took.
        total_reward: the sum of its rewards, as the environment gave them.
        success: whether any of its steps succeeded; False where a task cannot.
    """

    task: int
    steps: int
    total_reward: float
    success: bool


class Collector:
    """Steps in a list of environments, one for each task.

    An episode that ends is followed by the next at once. All that is random
    comes from the seed: each environment's episodes have seeds of their own.

    Attributes:
        observations: what each environment shows, `[tasks, observation_size]`.

    Args:
        environments: one for each task, with observations and actions of one
            size.
        seed: fixes the episodes.
        goals: of each environment, the number of the goal of its episodes; by
            default each episode's seed chooses.

    Raises:
        InputError: if there is no environment, their sizes differ, or there is
            no such goal.
    """

    def __init__(
        self,
        environments: Sequence[environments.Environment],
        seed: int,
        goals: Sequence[int] | None = None,
    ):
        check_alike(environments)
        self._goals = [None] * len(environments) if goals is None else goals
        self._recorders = [
            episode_recorder.EpisodeRecorder(each) for each in environments
        ]
        self._generators = [
            np.random.default_rng([seed, task])
            for task in range(len(environments))
        ]
        self._scores = [
            EpisodeScore(task, 0, 0.0, False)
            for task in range(len(environments))
        ]
        self.observations = np.stack(
            [self._reset(task) for task in range(len(environments))]
        )

    @property
    def times(self) -> np.ndarray:
        """The number of the next step in each episode, from 0, `[tasks]`."""
        return np.array([score.steps for score in self._scores])

    def step(
        self, actions: np.ndarray
    ) -> tuple[replay.Transitions, list[EpisodeScore]]:
        """Takes an action in each environment.

        Args:
            actions: `[tasks, action_size]`, in [-1, 1].

        Returns:
            The transitions, `[tasks, ...]`, and the episodes that ended.

        Raises:
            InputError: if an environment gives what is not finite.
        """
        seen = self.observations.copy()
        after = np.empty_like(seen)
        rewards, terminated = np.zeros((2, len(actions)), np.float32)
        finished = []
        for task, recorder in enumerate(self._recorders):
            observation, reward, is_terminated, is_cut_off, info = (
                recorder.step(actions[task])
            )
            after[task] = observation
            rewards[task], terminated[task] = reward, is_terminated
            score = self._scores[task]
            self._scores[task] = score = EpisodeScore(
                task,
                score.steps + 1,
                score.total_reward + reward,
                score.success or bool(info.get("success", False)),
            )
            if is_terminated or is_cut_off:
                finished.append(score)
                self._scores[task] = EpisodeScore(task, 0, 0.0, False)
                observation = self._reset(task)
            self.observations[task] = observation
        return (
            replay.Transitions(seen, actions, rewards, after, terminated),
            finished,
        )

    def save(
        self,
        folder: str | os.PathLike,
        previous: str | os.PathLike | None = None,
    ) -> None:
        """Writes the episodes in progress as a part of a checkpoint.

        Args:
            folder: an empty folder; made if missing.
            previous: where it was saved before; all is written anew.

        Raises:
            OSError: if the disk is full or the folder cannot be written.
        """
        del previous
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tasks, arrays = [], {}
        for task, recorder in enumerate(self._recorders):
            snapshot = recorder.snapshot()
            if snapshot is None:
                raise RuntimeError("an environment failed within its episode")
            arrays[f"actions{task}"] = snapshot.actions
            arrays[f"observation{task}"] = snapshot.observation
            tasks.append(
                {
                    "seed": snapshot.seed,
                    "goal": snapshot.goal,
                    "score": list(self._scores[task]),
                    "generator": self._generators[task].bit_generator.state,
                }
            )
        checkpoint_folder.write_arrays(folder / _EPISODES, arrays)
        checkpoint_folder.write_json(
            folder / _STATE, {"format": FORMAT, "tasks": tasks}
        )

    def restore(self, folder: str | os.PathLike) -> None:
        """Takes up the episodes that were saved, by playing them again.

        Args:
            folder: see `save`.

        Raises:
            InputError: if it cannot be read, or is of other environments.
        """
        folder = pathlib.Path(folder)
        what = f"collector {str(folder)!r}"
        with checkpoint_folder.reading(what):
            state = checkpoint_folder.read_json(folder / _STATE, FORMAT, what)
            arrays = checkpoint_folder.read_arrays(folder / _EPISODES)
            if len(state["tasks"]) != len(self._recorders):
                raise errors.InputError(
                    f"{what} is of {len(state['tasks'])} environments, "
                    f"expected {len(self._recorders)}"
                )
            snapshots = []
            for task, of_task in enumerate(state["tasks"]):
                self._scores[task] = EpisodeScore(*of_task["score"])
                generator = self._generators[task].bit_generator
                generator.state = of_task["generator"]
                snapshots.append(
                    episode_recorder.EpisodeSnapshot(
                        of_task["seed"],
                        of_task["goal"],
                        arrays[f"actions{task}"],
                        arrays[f"observation{task}"],
                    )
                )
        for task, snapshot in enumerate(snapshots):
            self.observations[task] = self._recorders[task].restore(snapshot)

    def _reset(self, task: int) -> np.ndarray:
        seed = int(self._generators[task].integers(2**31))
        observation, _ = self._recorders[task].reset(
            seed=seed, goal=self._goals[task]
        )
        return np.asarray(observation, np.float32)


def check_alike(each: Sequence[environments.Environment]) -> None:
    """Checks that environments can have one agent.

    Raises:
        InputError: if there is none, one is there twice, or their sizes differ.
    """
    if not each:
        raise errors.InputError("environments: expected one or more")
    if len({id(one) for one in each}) < len(each):
        raise errors.InputError(
            "environments: the same object twice, whose episodes would mix: "
            "expected one for each task"
        )
    first = each[0]
    for other in each:
        for name in ("observation_size", "action_size"):
            ours, theirs = getattr(other, name), getattr(first, name)
            if ours != theirs:
                raise errors.InputError(
                    f"environments: {name} of {other.name} is {ours}, that of "
                    f"{first.name} {theirs}: expected one size"
                )


def check_fit(
    each: Sequence[environments.Environment],
    tasks: int,
    sizes: tuple[int, int],
) -> None:
    """Checks that an agent can act in environments.

    Args:
        each: the environments.
        tasks: the agent's number of tasks.
        sizes: numbers in the observations and actions of the agent.

    Raises:
        InputError: if there are more or fewer than tasks, or their sizes
            differ from the agent's.
    """
    if len(each) != tasks:
        raise errors.InputError(
            f"environments: expected {tasks}, one for each task, got "
            f"{len(each)}"
        )
    for one in each:
        if (one.observation_size, one.action_size) != sizes:
            raise errors.InputError(
                f"environments: {one.name} has observations and actions of "
                f"sizes {(one.observation_size, one.action_size)}, the agent "
                f"{sizes}"
            )


def play(
    each: Sequence[environments.Environment],
    act: Callable[[np.ndarray], np.ndarray],
    *,
    episodes: int,
    seed: int,
) -> list[EpisodeScore]:
    """Plays episodes in each environment.

    Args:
        each: one environment for each task.
        act: from observations `[tasks, observation_size]` to actions `[tasks,
            action_size]`.
        episodes: how many, of each environment.
        seed: fixes the episodes.

    Returns:
        The first episodes of each environment, by task.
    """
    collector = Collector(each, seed)
    scores: list[list[EpisodeScore]] = [[] for _ in each]
    while min(map(len, scores)) < episodes:
        for score in collector.step(act(collector.observations))[1]:
            scores[score.task].append(score)
    return [score for of_task in scores for score in of_task[:episodes]]

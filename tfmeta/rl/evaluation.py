"""Scores of a policy on the goals of tasks, each once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tfmeta import errors
from tfmeta.environments import environment, episode_recorder
from tfmeta.layers import arguments
from tfmeta.rl import collecting


class GoalScores(NamedTuple):
    """What came of one episode for each goal of each task.

    Attributes:
        success: 1 if any step of the episode succeeded, else 0, `[tasks,
            goals]`: the rule of Meta-World (Yu et al. 2019).
        success_at_last_step: 1 if the last step did, likewise: what was
            reached was kept.
        total_reward: the sum of the rewards, as the environment gave them,
            likewise.
    """

    success: np.ndarray
    success_at_last_step: np.ndarray
    total_reward: np.ndarray


def evaluate(
    environments: Sequence[environment.Environment],
    act: Callable[[np.ndarray], np.ndarray],
    *,
    goals: int,
    seed: int,
) -> GoalScores:
    """Plays one episode for each goal of each task.

    All that is random comes from the seed, so that an evaluation amidst a run
    leaves the run as it is, if the environments are not the run's own.

    Args:
        environments: one for each task.
        act: from observations `[tasks, observation_size]` to actions `[tasks,
            action_size]`, such as the `act` of an agent.
        goals: how many, the first of each task.
        seed: fixes the episodes.

    Raises:
        InputError: if the environments differ in size, one has fewer goals, or
            one gives what is not finite.
    """
    collecting.check_alike(environments)
    arguments.check_positive_integers(goals=goals)
    for each in environments:
        if len(each.goals) < goals:
            raise errors.InputError(
                f"goals={goals}: expected at most {len(each.goals)}, the goals "
                f"of {each.name}"
            )
    recorders = [
        episode_recorder.EpisodeRecorder(each) for each in environments
    ]
    scores = GoalScores(*np.zeros((3, len(environments), goals)))
    for goal in range(goals):
        _play(recorders, act, goal, seed, scores)
    return scores


def _play(
    recorders: Sequence[episode_recorder.EpisodeRecorder],
    act: Callable[[np.ndarray], np.ndarray],
    goal: int,
    seed: int,
    scores: GoalScores,
) -> None:
    """Plays an episode of each task, side by side, for the goal of a number."""
    generator = np.random.default_rng([seed, goal])
    seeds = generator.integers(2**31, size=len(recorders))
    seen = np.stack(
        [
            np.asarray(recorder.reset(seed=int(own), goal=goal)[0], np.float32)
            for recorder, own in zip(recorders, seeds, strict=True)
        ]
    )
    going_on = list(range(len(recorders)))
    while going_on:
        actions = act(seen)
        for task in tuple(going_on):
            observation, reward, terminated, cut_off, info = recorders[
                task
            ].step(actions[task])
            seen[task] = observation
            succeeds = bool(info.get("success", False))
            scores.success[task, goal] = scores.success[task, goal] or succeeds
            scores.success_at_last_step[task, goal] = succeeds
            scores.total_reward[task, goal] += reward
            if terminated or cut_off:
                going_on.remove(task)

"""What on-policy agents learn from: steps that the present policy took."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tfmeta.environments import environment as environments
from tfmeta.rl import advantages, collecting, policy_losses, replay


class Rollouts(NamedTuple):
    """Steps of several tasks, episode after episode.

    Attributes:
        transitions: `[tasks, steps, ...]`.
        times: the number of each step in its episode, from 0, `[tasks, steps]`.
        ended: 1 after the last step of an episode, and of all, else 0, `[tasks,
            steps]`.
        cut_off: 1 where an episode ended though it was not terminated, likewise
            but not where merely the rollouts end.
        scores: the episodes that ended, in the order of their ends.
    """

    transitions: replay.Transitions
    times: np.ndarray
    ended: np.ndarray
    cut_off: np.ndarray
    scores: list[collecting.EpisodeScore]


def collect(
    each: Sequence[environments.Environment],
    act: Callable[[np.ndarray], np.ndarray],
    *,
    steps: int,
    seed: int,
    goals: Sequence[int] | None = None,
    observe: Callable[[replay.Transitions, np.ndarray], None] | None = None,
) -> Rollouts:
    """Takes steps in each environment, from the start of an episode on.

    Args:
        each: one environment for each task.
        act: from observations `[tasks, observation_size]` to actions `[tasks,
            action_size]`.
        steps: in each environment.
        seed: fixes the episodes.
        goals: of each environment, see `Collector`.
        observe: is told each step's transitions `[tasks, ...]`, and with 1
            where the next step is of another episode, `[tasks]`.

    Raises:
        InputError: see `Collector`.
    """
    collector = collecting.Collector(each, seed, goals)
    parts, times, scores = [], [], []
    ended, cut_off = np.zeros((2, steps, len(each)))
    for step in range(steps):
        times.append(collector.times)
        transitions, finished = collector.step(act(collector.observations))
        parts.append(transitions)
        scores += finished
        for score in finished:
            ended[step, score.task] = 1
            cut_off[step, score.task] = 1 - transitions.terminated[score.task]
        if observe is not None:
            observe(transitions, ended[step])
    ended[-1] = 1
    return Rollouts(
        replay.Transitions(
            *(np.stack(part, 1) for part in zip(*parts, strict=True))
        ),
        np.stack(times, 1),
        ended.T,
        cut_off.T,
        scores,
    )


def join(parts: Sequence[Rollouts]) -> Rollouts:
    """Returns rollouts of the same tasks, one after the other.

    Args:
        parts: one or more, each from the start of an episode on.
    """
    transitions = replay.Transitions(
        *(
            np.concatenate(part, 1)
            for part in zip(*(each.transitions for each in parts), strict=True)
        )
    )
    times, ended, cut_off = (
        np.concatenate([getattr(each, name) for each in parts], 1)
        for name in ("times", "ended", "cut_off")
    )
    scores = [score for each in parts for score in each.scores]
    return Rollouts(transitions, times, ended, cut_off, scores)


def to_batch(
    rollouts: Rollouts,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    *,
    discount: float,
    decay: float,
) -> tuple[policy_losses.PolicyBatch, np.ndarray]:
    """Makes of rollouts what a policy learns from.

    Advantages have mean 0 and deviation 1 in each task.

    Args:
        rollouts: of the policy.
        values: what was expected, `[tasks, steps]`.
        next_values: after each step, likewise.
        terminated: 1 where these do not count, likewise.
        discount: gamma.
        decay: lambda of `generalized_advantages`.

    Returns:
        The batch, and the returns that a baseline learns from: the discounted
        rewards to come, `[tasks, steps]`.
    """
    estimate = {
        key: advantages.generalized_advantages(
            rollouts.transitions.reward,
            values,
            next_values,
            terminated,
            rollouts.ended,
            discount=discount,
            decay=share,
        )
        for key, share in (("advantage", decay), ("return", 1.0))
    }
    advantage = estimate["advantage"]
    advantage -= advantage.mean(-1, keepdims=True)
    advantage /= advantage.std(-1, keepdims=True) + 1e-8
    steps = np.arange(advantage.shape[-1])
    starts = np.where(rollouts.times == 0, steps, 0)
    return policy_losses.PolicyBatch(
        rollouts.transitions.observation,
        rollouts.transitions.action,
        advantage.astype(np.float32),
        np.maximum.accumulate(starts, -1).astype(np.int32),
    ), estimate["return"] + values

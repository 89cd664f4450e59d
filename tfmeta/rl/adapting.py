"""Adapting to tasks by acting in them, the same for all meta-learners.

A trial is what an agent does in a task to find out what is asked: episodes, one
after the other. From what was seen in a trial, `adapt` makes what acts in the
task, as a supervised learner's `adapt` makes of a support set what predicts.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.rl import collecting, replay, rollouts


class TaskActor(Protocol):
    """What acts in several tasks, a step in each at a time."""

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Returns the likeliest actions, `[tasks, action_size]`.

        Args:
            observations: what was seen in each task, `[tasks,
                observation_size]`.
        """

    def draw(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Returns actions that are drawn, `[tasks, action_size]`.

        Args:
            observations: see `act`.
            generator: what draws.
        """

    def observe(
        self, transitions: replay.Transitions, ended: np.ndarray
    ) -> None:
        """Takes note of what came of the actions.

        Args:
            transitions: one of each task, `[tasks, ...]`.
            ended: 1 where the next step is of another episode, `[tasks]`.
        """


class AdaptiveAgent(Protocol):
    """What adapts to tasks: `PolicyMAML`, `RL2`, `PEARL`."""

    def adapt(self, trial: rollouts.Rollouts | None, tasks: int) -> TaskActor:
        """Returns what acts in tasks after a trial in each.

        Args:
            trial: what was done in each task so far; None: nothing.
            tasks: number of tasks.

        Raises:
            InputError: if the trial is of other tasks or observations.
        """

    def explore(
        self,
        trial: rollouts.Rollouts | None,
        tasks: int,
        generator: np.random.Generator,
    ) -> TaskActor:
        """Returns what plays the next episode of a trial in each task.

        It is to `draw` its actions.

        Args:
            trial: see `adapt`.
            tasks: number of tasks.
            generator: draws what is one draw for a whole episode.
        """


def check_trial(
    trial: rollouts.Rollouts, tasks: int, sizes: tuple[int, int]
) -> None:
    """Checks that an agent can adapt to a trial.

    Args:
        trial: what was done.
        tasks: number of tasks.
        sizes: numbers in the agent's observations and actions.

    Raises:
        InputError: if the trial is of other tasks, observations or actions, or
            has no steps.
    """
    seen, done = trial.transitions.observation, trial.transitions.action
    found = len(seen), seen.shape[-1], done.shape[-1]
    if found != (tasks, *sizes) or not seen.shape[1]:
        raise errors.InputError(
            f"trial: of {seen.shape[1]} steps in {found[0]} tasks with "
            f"observations and actions of sizes {found[1:]}, expected one or "
            f"more steps in {tasks} tasks with {sizes}"
        )


def play_trial(
    agent: AdaptiveAgent,
    environments: Sequence[environment.Environment],
    goals: Sequence[int] | None = None,
    *,
    episodes: int,
    seed: int,
    trial: rollouts.Rollouts | None = None,
) -> rollouts.Rollouts:
    """Plays episodes of a trial in each environment, as the agent explores.

    An episode is as many steps as the longest can have. Where one ends before
    that, the next begins at once, and is of the trial as well.

    Args:
        agent: the meta-learner.
        environments: one for each task.
        goals: the number of each task's goal; by default the first.
        episodes: how many are played.
        seed: fixes episodes and actions.
        trial: what was played before, with which the trial goes on.

    Returns:
        The whole trial.

    Raises:
        InputError: if the environments do not fit one another or the agent.
    """
    arguments.check_positive_integers(episodes=episodes)
    for number in range(episodes):
        generator = np.random.default_rng([seed, number])
        actor = agent.explore(trial, len(environments), generator)

        def act(observations, actor=actor, generator=generator):
            return actor.draw(observations, generator)

        played = _play_episode(
            environments, goals, act, actor, int(generator.integers(2**31))
        )
        trial = played if trial is None else rollouts.join([trial, played])
    assert trial is not None
    return trial


def score_adaptation(
    agent: AdaptiveAgent,
    environments: Sequence[environment.Environment],
    goals: Sequence[int] | None = None,
    *,
    after: Sequence[int],
    episodes: int = 1,
    draws: bool = False,
    seed: int,
) -> list[list[list[collecting.EpisodeScore]]]:
    """Scores an agent after so many episodes of a trial.

    What is scored are episodes beside the trial; the agent begins each as after
    the trial's episodes alone.

    Args:
        agent: the meta-learner.
        environments: one for each task.
        goals: the number of each task's goal; by default the first.
        after: numbers of episodes of the trial, from 0 up, rising.
        episodes: to score, in each environment, each time.
        draws: whether actions are drawn, as in training on the policy, or are
            the likeliest.
        seed: fixes all that is random.

    Returns:
        For each number, of each task its episodes' scores.

    Raises:
        InputError: if the numbers do not rise, or see `play_trial`.
    """
    arguments.check_positive_integers(episodes=episodes)
    if list(after) != sorted(set(after)) or not after or after[0] < 0:
        raise errors.InputError(
            f"after={list(after)}: expected rising numbers of episodes, from 0 "
            "up"
        )
    trial, played, found = None, 0, []
    for number in after:
        if number > played:
            trial = play_trial(
                agent,
                environments,
                goals,
                episodes=number - played,
                seed=int(np.random.default_rng([seed, played]).integers(2**31)),
                trial=trial,
            )
            played = number
        # The same starts each time: so that differences are of adapting.
        generator = np.random.default_rng([seed])
        noise = np.random.default_rng([seed, 1])
        by_episode = []
        for _ in range(episodes):
            actor = agent.adapt(trial, len(environments))

            def act(observations, actor=actor, noise=noise):
                if draws:
                    return actor.draw(observations, noise)
                return actor.act(observations)

            scores = _play_episode(
                environments,
                goals,
                act,
                actor,
                int(generator.integers(2**31)),
            ).scores
            by_episode.append(
                [
                    next(score for score in scores if score.task == task)
                    for task in range(len(environments))
                ]
            )
        found.append(list(map(list, zip(*by_episode, strict=True))))
    return found


def mean_returns(*trials: rollouts.Rollouts) -> dict[str, float]:
    """Returns how good the episodes of trials were, what agents report.

    Args:
        *trials: one or more.

    Returns:
        `"return_before"`, the mean total reward of the tasks' first episodes,
        and `"return_after"`, that of their last.
    """
    first, last = [], []
    for trial in trials:
        for task in range(len(trial.times)):
            of_task = [s.total_reward for s in trial.scores if s.task == task]
            first.append(of_task[0])
            last.append(of_task[-1])
    return {
        "return_before": float(np.mean(first)),
        "return_after": float(np.mean(last)),
    }


def _play_episode(environments, goals, act, actor: TaskActor, seed: int):
    return rollouts.collect(
        environments,
        act,
        steps=max(each.horizon for each in environments),
        seed=seed,
        goals=[0] * len(environments) if goals is None else goals,
        observe=actor.observe,
    )

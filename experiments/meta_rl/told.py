"""A policy that is told its goal: what adapting could reach at best."""

import numpy as np

from tfmeta.environments import point_robot
from tfmeta.rl import adapting, replay, rollouts


class ToldPoint:
    """Goes straight to the goals of point robots.

    No policy does better: each coordinate comes as near as it can in each step.
    An `adapting.AdaptiveAgent` that has nothing to find out.

    Args:
        goals: of each task, `[tasks, 2]`.
    """

    def __init__(self, goals: np.ndarray):
        self._goals = goals

    def adapt(
        self, trial: rollouts.Rollouts | None, tasks: int
    ) -> adapting.TaskActor:
        """See `AdaptiveAgent`."""
        del trial, tasks
        return self

    def explore(
        self,
        trial: rollouts.Rollouts | None,
        tasks: int,
        generator: np.random.Generator,
    ) -> adapting.TaskActor:
        """See `AdaptiveAgent`."""
        del trial, tasks, generator
        return self

    def act(self, observations: np.ndarray) -> np.ndarray:
        """See `TaskActor`."""
        way = self._goals - observations
        return np.clip(way / point_robot.STEP_SIZE, -1, 1)

    def draw(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """See `TaskActor`."""
        del generator
        return self.act(observations)

    def observe(
        self, transitions: replay.Transitions, ended: np.ndarray
    ) -> None:
        """See `TaskActor`."""

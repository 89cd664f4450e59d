"""A task of Meta-World as an environment."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta.environments import arguments
from tfmeta.environments.metaworld import accelerated


class MetaWorldEnvironment:
    """A task of Meta-World, whose goal is chosen at each reset.

    Made by `load_metaworld`.

    Attributes:
        name: of the task, as in Meta-World: `"reach-v3"`.
        observation_size: 39, the last 3 of which are the goal's position, or 0.
        action_size: 4: where the hand moves to, and what the fingers do.
        horizon: steps of an episode.
        goals: `[goals, 3 or 6]`, what the package calls random vectors: where
            the goal is and, in many tasks, the object at the start.
        simulator: the package's environment of this task, accelerated.

    Args:
        name: of the task.
        task_class: its class in the package.
        reward_version: `"v1"` or `"v2"`.
        horizon: steps of an episode.
        goal_shown: whether observations have the goal's position.
        goals: how many goals there are.
        generator: what they are drawn with.
        render_mode: of the package; None: no pictures.
    """

    observation_size = 39
    action_size = 4

    def __init__(
        self,
        name: str,
        task_class: Any,
        *,
        reward_version: str,
        horizon: int,
        goal_shown: bool,
        goals: int,
        generator: np.random.Generator,
        render_mode: str | None = None,
    ):
        self.name = name
        self.horizon = horizon
        self.simulator = accelerated.accelerate(task_class)(
            reward_function_version=reward_version, render_mode=render_mode
        )
        self.simulator.max_path_length = horizon
        self.simulator.show_goal(goal_shown)
        self.goals = self.simulator.draw_goals(goals, generator)
        self._generator = generator

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode, see `Environment.reset`."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        goal = arguments.choose_goal(options, self.goals, self._generator)
        self.simulator.set_goal(self.goals[goal])
        return self.simulator.reset()

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Takes an action, see `Environment.step`."""
        return self.simulator.step(action)

    def render(self) -> np.ndarray:
        """Returns the picture of the moment, `[480, 480, 3]` uint8.

        It wants `render_mode="rgb_array"`.
        """
        return self.simulator.render()

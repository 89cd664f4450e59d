"""A robot that is a point, and must go where it is not told to go."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmeta.environments import arguments

# How far an action of 1 moves it.
STEP_SIZE = 0.1
# Within it the goal is reached.
GOAL_RADIUS = 0.2
REWARDS = ("dense", "sparse")


class PointRobot:
    """A point on a plane whose goal the observation does not show.

    The smallest problem of meta-reinforcement learning, as in PEARL (Rakelly et
    al. 2019; katerakelly/oyster, rlkit/envs/point_robot.py):

    - observation: the position, `[2]`; action: how far it moves, times 0.1;
    - "dense": goals are uniform on [-1, 1]^2, and so is where it starts; the
      reward is minus the distance from the goal after the step;
    - "sparse": goals are uniform on the half circle of radius 1 above 0, where
      it starts; the reward is 1 minus the distance within 0.2 of the goal, else
      0. (PEARL trains on the dense reward there, too: `info["dense_reward"]`.)

    A step within 0.2 of the goal is a success. The papers' runs have 100 goals,
    80 of them to train on, and a horizon of 20.

    It is an `Environment`, and can do more: with a list of seeds it plays as
    many episodes at once, of `[seeds, ...]`, each the same as alone.

    Attributes:
        goals: `[goals, 2]`, positions.

    Args:
        reward: `"dense"` or `"sparse"`.
        goals: positions `[goals, 2]`, as of `sample_goals`.
        horizon: steps of an episode.
        name: of the task. Default: that of the reward.

    Raises:
        InputError: if an argument is out of range.
    """

    observation_size = 2
    action_size = 2

    def __init__(
        self,
        reward: str,
        goals: Any,
        *,
        horizon: int = 20,
        name: str | None = None,
    ):
        arguments.check_choice("reward", reward, REWARDS)
        arguments.check_horizon(horizon)
        self.name = name or f"point_robot_{reward}"
        self.horizon = horizon
        self.goals = arguments.as_goals(goals, 2)
        self._sparse = reward == "sparse"
        self._generator = np.random.default_rng()
        self._goal = self._position = np.zeros(2)
        self._steps = 0

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode or several, see `Environment.reset`.

        Args:
            seed: of an episode, or a list of those of several.
            options: `{"goal": i}`, or a list of as many.

        Returns:
            The position, `[..., 2]`, and nothing.

        Raises:
            InputError: if there is no such goal.
        """
        self._steps = 0
        if isinstance(seed, Sequence | np.ndarray):
            goals = np.broadcast_to(
                np.asarray((options or {}).get("goal")), len(seed)
            )
            starts = [
                self._start(int(one), {"goal": goal})
                for one, goal in zip(seed, goals, strict=True)
            ]
            positions, chosen = zip(*starts, strict=True)
            self._position, self._goal = np.array(positions), np.array(chosen)
        else:
            self._position, self._goal = self._start(seed, options)
        return self._position.copy(), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, Any, Any, Any, dict[str, Any]]:
        """Takes an action, or one in each episode, see `Environment.step`."""
        self._position = self._position + STEP_SIZE * np.clip(action, -1, 1)
        distance = np.linalg.norm(self._position - self._goal, axis=-1)
        self._steps += 1
        reached = distance <= GOAL_RADIUS
        sparse_reward = np.where(reached, 1 - distance, 0.0)
        info = {"success": reached.astype(float), "dense_reward": -distance}
        return (
            self._position.copy(),
            sparse_reward[()] if self._sparse else -distance,
            np.zeros_like(reached)[()],  # A number if there is one episode.
            np.full_like(reached, self._steps >= self.horizon)[()],
            info,
        )

    def _start(
        self, seed: int | None, options: Mapping[str, Any] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        # First the start: so it does not depend on who chooses the goal.
        start = self._generator.uniform(-1, 1, 2)
        goal = arguments.choose_goal(options, self.goals, self._generator)
        return np.zeros(2) if self._sparse else start, self.goals[goal]


def sample_goals(reward: str, count: int, *, seed: int = 0) -> np.ndarray:
    """Returns goals of point robots, see `PointRobot`.

    Args:
        reward: `"dense"`, for goals in the square, or `"sparse"`, for goals on
            the half circle.
        count: how many.
        seed: fixes them.

    Returns:
        Positions `[count, 2]`.

    Raises:
        InputError: if an argument is out of range.
    """
    arguments.check_choice("reward", reward, REWARDS)
    arguments.check_count("count", count)
    arguments.check_seed(seed)
    generator = np.random.default_rng(seed)
    if reward == "dense":
        return generator.uniform(-1, 1, [count, 2])
    angles = generator.uniform(0, np.pi, count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)

"""The half-cheetah that must find out which way to run, or how fast."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from tfmeta.environments import arguments

_CONTROL_COST = 0.05
# What the observation does not show is all that is asked.
DIRECTIONS = np.array([[1.0], [-1.0]])
MAX_VELOCITY = 3.0


class _Reward(Protocol):
    def __call__(self, velocity: float, goal: float) -> float:
        """Returns the reward of a velocity."""


class HalfCheetah:
    """Gymnasium's HalfCheetah-v5 with a reward that depends on a goal.

    The simulator, its observations `[17]` and its noise at the start are those
    of gymnasium. The reward is that of the goal minus `0.05 * |action|^2`, of
    the clipped action. Made by `cheetah_direction` and `cheetah_velocity`.

    Attributes:
        environment: gymnasium's environment.
    """

    def __init__(
        self,
        name: str,
        goals: np.ndarray,
        reward: _Reward,
        *,
        horizon: int,
        render_mode: str | None,
    ):
        arguments.check_horizon(horizon)
        gymnasium: Any = arguments.import_package("gymnasium")
        arguments.import_package("mujoco")
        self.environment = gymnasium.make(
            "HalfCheetah-v5",
            disable_env_checker=True,
            render_mode=render_mode,
            # Goes along; gymnasium's default stands still.
            camera_name="track",
        ).unwrapped
        self.name = name
        self.horizon = horizon
        self.goals = goals
        self.observation_size = 17
        self.action_size = 6
        self._reward = reward
        self._goal = 0.0
        self._steps = 0

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode, see `Environment.reset`."""
        self._steps = 0
        observation, info = self.environment.reset(seed=seed)
        # After the noise: so that does not depend on who chooses the goal.
        goal = arguments.choose_goal(
            options, self.goals, self.environment.np_random
        )
        self._goal = float(self.goals[goal, 0])
        return observation, info

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Takes an action, see `Environment.step`.

        The information has `"x_velocity"`, in m/s.
        """
        action = np.clip(action, -1, 1)
        observation, _, _, _, info = self.environment.step(action)
        reward = self._reward(info["x_velocity"], self._goal)
        reward -= _CONTROL_COST * float(np.square(action).sum())
        self._steps += 1
        return observation, reward, False, self._steps >= self.horizon, info

    def render(self) -> Any:
        """Returns the picture of the moment, `[480, 480, 3]` uint8.

        It wants `render_mode="rgb_array"`.
        """
        return self.environment.render()


def cheetah_direction(
    *, horizon: int = 200, goals: Any = None, render_mode: str | None = None
) -> HalfCheetah:
    """Returns the half-cheetah that runs forward or backward.

    The goal is a direction, 1 or -1, and the reward `direction * velocity -
    0.05 * |action|^2`, as in the code of MAML (Finn et al. 2017;
    cbfinn/maml_rl, rllab/envs/mujoco/half_cheetah_env_rand_direc.py). There the
    velocity is that of the center of mass at the step's end, here that of the
    torso over the step, as gymnasium measures it; and there the observation
    holds the center of mass, too, here it does not.

    Args:
        horizon: steps of an episode, 0.05 s each.
        goals: directions `[goals, 1]`. Default: forward and backward.
        render_mode: of gymnasium; None: no pictures.

    Raises:
        InputError: if an argument is out of range, or the extra `rl` is
            missing.
    """

    def reward(velocity: float, goal: float) -> float:
        return float(goal * velocity)

    chosen = arguments.as_goals(DIRECTIONS if goals is None else goals, 1)
    return HalfCheetah(
        "cheetah_direction",
        chosen,
        reward,
        horizon=horizon,
        render_mode=render_mode,
    )


def cheetah_velocity(
    goals: Any, *, horizon: int = 200, render_mode: str | None = None
) -> HalfCheetah:
    """Returns the half-cheetah that runs as fast as it should.

    The goal is a velocity in m/s, and the reward `-|velocity - goal| - 0.05 *
    |action|^2`, as in the code of MAML (Finn et al. 2017; cbfinn/maml_rl,
    rllab/envs/mujoco/half_cheetah_env_rand.py), but for what
    `cheetah_direction` says of the velocity and the observation. The paper
    draws goals from 0 to 2, PEARL (Rakelly et al. 2019) from 0 to 3: 100 to
    train on and 30 to test.

    Args:
        goals: velocities `[goals, 1]`, as of `sample_velocities`.
        horizon: steps of an episode, 0.05 s each.
        render_mode: of gymnasium; None: no pictures.

    Raises:
        InputError: if an argument is out of range, or the extra `rl` is
            missing.
    """

    def reward(velocity: float, goal: float) -> float:
        return -abs(float(velocity) - goal)

    return HalfCheetah(
        "cheetah_velocity",
        arguments.as_goals(goals, 1),
        reward,
        horizon=horizon,
        render_mode=render_mode,
    )


def sample_velocities(
    count: int, *, most: float = MAX_VELOCITY, seed: int = 0
) -> np.ndarray:
    """Returns velocities for `cheetah_velocity`, uniform from 0 to `most`.

    Args:
        count: how many.
        most: the largest, in m/s.
        seed: fixes them.

    Returns:
        Velocities `[count, 1]`.

    Raises:
        InputError: if an argument is out of range.
    """
    arguments.check_count("count", count)
    arguments.check_seed(seed)
    return np.random.default_rng(seed).uniform(0, most, [count, 1])

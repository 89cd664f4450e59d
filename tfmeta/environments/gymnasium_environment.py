"""Any environment of gymnasium with numbers in and out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta import errors
from tfmeta.environments import arguments


class GymnasiumEnvironment:
    """An environment of gymnasium as an `Environment`.

    Observations are flattened, and actions scaled from [-1, 1] to the bounds of
    the environment's own. Episodes end where the environment ends them, and
    after `horizon` steps.

        environment = GymnasiumEnvironment(gymnasium.make("Pendulum-v1"))

    Attributes:
        environment: the environment of gymnasium.

    Args:
        environment: a `gymnasium.Env` with a `Box` of bounded actions and a
            `Box` of observations. What it does in an episode must follow from
            the seed of its `reset` and the actions.
        name: of the task. Default: the id that it was made by, or its class.
        horizon: steps of an episode. Default: the time limit that it was made
            with.
        success: the name under which its `info` says whether a step succeeds,
            such as `"is_success"`; nothing where it does not.

    Raises:
        InputError: if actions or observations are of another kind; if there is
            no horizon, or it is beyond the environment's time limit.
    """

    def __init__(
        self,
        environment: Any,
        *,
        name: str | None = None,
        horizon: int | None = None,
        success: str = "success",
    ):
        spec = getattr(environment, "spec", None)
        self.name = name or (
            spec.id if spec else type(environment.unwrapped).__name__
        )
        self.environment = environment
        limit: Any = spec.max_episode_steps if spec else None
        if horizon is None and limit is None:
            raise errors.InputError(
                f"horizon: expected the number of steps of an episode, for "
                f"{self.name} has no time limit"
            )
        self.horizon: int = limit if horizon is None else horizon
        arguments.check_horizon(self.horizon, limit)
        self.observation_size = _size(
            environment.observation_space, f"observations of {self.name}"
        )
        actions = environment.action_space
        self.action_size = _size(actions, f"actions of {self.name}")
        if not (np.isfinite(actions.low) & np.isfinite(actions.high)).all():
            raise errors.InputError(
                f"environment: expected bounded actions of {self.name}, got "
                f"{actions}"
            )
        self.goals = np.zeros([1, 0])
        self._success = success
        self._actions = actions
        low, high = actions.low.astype(np.float64), actions.high
        # The middle and half the range: what is in [-1, 1] stays what it is.
        self._middle, self._half_range = (low + high) / 2, (high - low) / 2
        self._steps = 0

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode, see `Environment.reset`."""
        self._steps = 0
        others = dict(options or {})  # They are the environment's own.
        arguments.check_goal(others.pop("goal", 0), self.goals)
        observation, info = self.environment.reset(
            seed=seed, options=others or None
        )
        return np.ravel(observation), info

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Takes an action, see `Environment.step`."""
        clipped = np.clip(action, -1, 1).reshape(self._actions.shape)
        scaled = self._middle + clipped * self._half_range
        observation, reward, terminated, truncated, info = (
            self.environment.step(scaled.astype(self._actions.dtype))
        )
        self._steps += 1
        if self._success in info:
            info = info | {"success": float(info[self._success])}
        truncated = truncated or self._steps >= self.horizon
        return np.ravel(observation), reward, terminated, truncated, info


def _size(space: Any, what: str) -> int:
    # What `gymnasium.spaces.Box` alone has: gymnasium need not be imported.
    if not hasattr(space, "low") or not np.issubdtype(space.dtype, np.floating):
        raise errors.InputError(
            f"environment: expected continuous {what}, a Box of floats, got "
            f"{space}"
        )
    return int(np.prod(space.shape))

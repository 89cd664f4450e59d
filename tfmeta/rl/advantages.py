"""How much better than expected actions were, and what is expected."""

import numpy as np

from tfmeta import errors


def generalized_advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    last_values: np.ndarray,
    terminated: np.ndarray,
    *,
    discount: float,
    decay: float,
) -> np.ndarray:
    """Estimates advantages (Schulman et al. 2016, equations 11 to 16).

        delta_t = r_t + gamma V(s_{t+1}) - V(s_t)
        A_t = sum_k (gamma lambda)^k delta_{t+k}

    within each episode. With `decay` 0 they are those of one step, with 1 the
    discounted rewards to come less V.

    Args:
        rewards: `[..., steps]`, of whole or cut-off episodes.
        values: V(s_t), `[..., steps]`.
        last_values: V of what was seen after the last step, `[...]`.
        terminated: `[...]`, 1 where nothing comes after the last step, so that
            `last_values` does not count, else 0.
        discount: gamma in [0, 1].
        decay: lambda in [0, 1].

    Returns:
        The advantages, `[..., steps]` in float64.

    Raises:
        InputError: if `discount` or `decay` is out of range.
    """
    for name, share in (("discount", discount), ("decay", decay)):
        if not 0 <= share <= 1:
            raise errors.InputError(
                f"{name}={share}: expected a number from 0 to 1"
            )
    rewards, values = np.asarray(rewards, float), np.asarray(values, float)
    last = np.asarray(last_values, float) * (1 - np.asarray(terminated))
    after = np.concatenate([values[..., 1:], last[..., np.newaxis]], axis=-1)
    differences = rewards + discount * after - values
    return discounted_sums(differences, discount * decay)


def discounted_sums(numbers: np.ndarray, discount: float) -> np.ndarray:
    """Returns `sum_k discount^k numbers_{t+k}` for each step t.

    Args:
        numbers: `[..., steps]`, such as rewards.
        discount: in [0, 1].
    """
    sums = np.array(numbers, float)
    for step in range(sums.shape[-1] - 2, -1, -1):
        sums[..., step] += discount * sums[..., step + 1]
    return sums


class LinearBaseline:
    """Expected returns as a linear function of features of time and state.

    The features of Duan et al. (2016, appendix), with o the observation clipped
    to [-10, 10] and t the step in hundreds: `o, o^2, t, t^2, t^3, 1`. It is
    fitted anew to each batch, by least squares with a ridge.

    Args:
        ridge: weight of the squared coefficients.

    Raises:
        InputError: if `ridge` is not positive.
    """

    def __init__(self, ridge: float = 1e-5):
        if ridge <= 0:
            raise errors.InputError(
                f"ridge={ridge}: expected a positive number"
            )
        self._ridge = ridge
        self._coefficients: np.ndarray | None = None

    def fit(self, observations: np.ndarray, returns: np.ndarray) -> None:
        """Fits the returns of episodes.

        Args:
            observations: `[episodes, steps, size]`.
            returns: `[episodes, steps]`.
        """
        features = _features(observations).reshape(returns.size, -1)
        self._coefficients = np.linalg.solve(
            features.T @ features + self._ridge * np.eye(features.shape[1]),
            features.T @ np.ravel(returns),
        )

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Returns what is expected, `[episodes, steps]`; zeros before a fit.

        Args:
            observations: `[episodes, steps, size]`.
        """
        if self._coefficients is None:
            return np.zeros(observations.shape[:-1])
        return _features(observations) @ self._coefficients


def _features(observations: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(observations, float), -10, 10)
    time = np.arange(clipped.shape[-2])[:, np.newaxis] / 100
    times = np.concatenate([time, time**2, time**3, np.ones_like(time)], -1)
    return np.concatenate(
        [
            clipped,
            clipped**2,
            np.broadcast_to(times, (*clipped.shape[:-1], 4)),
        ],
        axis=-1,
    )

"""How much better than expected actions were."""

import numpy as np

from tfmeta.layers import arguments


def generalized_advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    ended: np.ndarray,
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
        rewards: `[..., steps]`, of one or more episodes, one after the other.
        values: V(s_t), `[..., steps]`.
        next_values: V of what was seen after each step, `[..., steps]`.
        terminated: 1 where nothing comes after a step, so that its next value
            does not count, else 0, `[..., steps]`.
        ended: 1 where the next step is of another episode, else 0, `[...,
            steps]`. Of one that is merely cut off the next value counts.
        discount: gamma in [0, 1].
        decay: lambda in [0, 1].

    Returns:
        The advantages, `[..., steps]` in float64.

    Raises:
        InputError: if `discount` or `decay` is out of range.
    """
    arguments.check_shares(discount=discount, decay=decay)
    after = np.asarray(next_values, float) * (1 - np.asarray(terminated))
    differences = rewards + discount * after - values
    return discounted_sums(differences, ended, discount=discount * decay)


def discounted_sums(
    numbers: np.ndarray, ended: np.ndarray, *, discount: float
) -> np.ndarray:
    """Returns `sum_k discount^k numbers_{t+k}` for each step t of an episode.

    Args:
        numbers: `[..., steps]`, such as rewards.
        ended: 1 where the next step is of another episode, `[..., steps]`.
        discount: in [0, 1].
    """
    sums = np.array(numbers, float)
    goes_on = 1 - np.asarray(ended)
    for step in range(sums.shape[-1] - 2, -1, -1):
        sums[..., step] += discount * goes_on[..., step] * sums[..., step + 1]
    return sums

"""The interquartile mean over seeds and tasks, with its interval.

By the rules of Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge
of the Statistical Precipice", and of their library, rliable, which brings
pandas, seaborn and arch with it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_REPETITIONS = 10_000
_CONFIDENCE = 0.95


class InterquartileMean(NamedTuple):
    """An interquartile mean.

    Attributes:
        mean: the mean of the middle half.
        low: the lower end of its 95% interval.
        high: the upper end.
    """

    mean: float
    low: float
    high: float


def interquartile_mean(scores: np.ndarray) -> np.ndarray:
    """Returns the means of the middle half of scores, `[...]`.

    Of n scores, as many of the lowest and of the highest as are whole in n / 4
    are left out.

    Args:
        scores: `[..., scores]`.
    """
    ordered = np.sort(scores, -1)
    count = ordered.shape[-1]
    cut = count // 4
    return ordered[..., cut : count - cut].mean(-1)


def estimate(
    scores: Sequence[Sequence[float]], *, seed: int = 0
) -> InterquartileMean:
    """Estimates the interquartile mean over runs and tasks.

    The interval is that of percentiles of a stratified bootstrap: of each task,
    as many runs are drawn as there are, with replacement and independently of
    other tasks. It says what other seeds would give on the same tasks. Of a
    single run it is that run's mean alone: give more.

    Args:
        scores: `[runs, tasks]`.
        seed: of the bootstrap.
    """
    table = np.asarray(scores, float)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(table), size=(_REPETITIONS, *table.shape))
    means = interquartile_mean(
        table[drawn, np.arange(table.shape[1])].reshape(_REPETITIONS, -1)
    )
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return InterquartileMean(
        float(interquartile_mean(table.reshape(-1))), float(low), float(high)
    )

"""The matrix products of an update of SAC, counted.

A product y = x W takes two operations for each multiplication and addition, c
in all; so do the gradients of W and of x, see `floor.py`. In an update

- the actor runs on next observations (c) and is trained on observations (3c,
  but for the first layer's gradient of x);
- both target critics run (c each);
- both critics are trained (3c each, but for the first layer's gradient of x),
  and once more run and differentiated by the action (2c each).
"""

import itertools
from collections.abc import Sequence


def update_flops(
    observation_size: int,
    action_size: int,
    *,
    hidden: Sequence[int],
    rows: int,
) -> int:
    """Counts the operations of an update.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        hidden: units of the hidden layers of actor and critics.
        rows: transitions in a batch.
    """
    actor = _forward_flops([observation_size, *hidden, 2 * action_size], rows)
    critic = _forward_flops([observation_size + action_size, *hidden, 1], rows)
    of_actor = 4 * sum(actor) - actor[0]
    of_critic = 6 * sum(critic) - critic[0]
    return of_actor + 2 * of_critic


def _forward_flops(sizes: Sequence[int], rows: int) -> list[int]:
    return [2 * rows * a * b for a, b in itertools.pairwise(sizes)]

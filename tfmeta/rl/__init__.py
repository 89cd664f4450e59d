"""Agents, and what they act by, remember and learn from.

- `SAC` is an agent for one environment or several, with one gradient for each.
- `Collector` and `play` step in environments; `Replay` remembers.
- `generalized_advantages` and `LinearBaseline` are what on-policy agents need.

Losses (`tfmeta.rl.sac_losses`) and policies (`tfmeta.rl.policies`) are pure
functions.
"""

from tfmeta.rl.advantages import discounted_sums, generalized_advantages
from tfmeta.rl.agents.policy_maml import PolicyMAML
from tfmeta.rl.agents.sac import SAC
from tfmeta.rl.baselines import LinearBaseline
from tfmeta.rl.collecting import Collector, EpisodeScore, play
from tfmeta.rl.mirror import Mirror
from tfmeta.rl.policies import SquashedNormal
from tfmeta.rl.replay import Replay, Transitions

__all__ = [
    "SAC",
    "Collector",
    "EpisodeScore",
    "LinearBaseline",
    "Mirror",
    "PolicyMAML",
    "Replay",
    "SquashedNormal",
    "Transitions",
    "discounted_sums",
    "generalized_advantages",
    "play",
]

"""Agents, and what they act by, remember and learn from.

- `SAC`, `PPO` and `TRPO` are agents for one environment or several, with one
  gradient for each.
- `PolicyMAML`, `RL2` and `PEARL` learn to adapt to one: `play_trial` lets them
  act in it, `adapt` makes of that what acts there, and `score_adaptation` says
  how well after 0, 1, 2, ... episodes.
- `TrustRegion` and `ClippedSurrogate` are the steps that improve a policy.
- `Collector` and `play` step in environments; `Replay` remembers; `evaluate`
  scores a policy on each goal of each task.
- `generalized_advantages` and `LinearBaseline` are what on-policy agents need.

Losses (`sac_losses`, `policy_losses`) and policies (`policies`) are pure
functions.
"""

from tfmeta.rl.adapting import AdaptiveAgent, play_trial, score_adaptation
from tfmeta.rl.advantages import discounted_sums, generalized_advantages
from tfmeta.rl.agents.on_policy import PPO, TRPO
from tfmeta.rl.agents.pearl import PEARL
from tfmeta.rl.agents.policy_maml import PolicyMAML
from tfmeta.rl.agents.rl2 import RL2
from tfmeta.rl.agents.sac import SAC
from tfmeta.rl.baselines import LinearBaseline
from tfmeta.rl.clipped_surrogate import ClippedSurrogate
from tfmeta.rl.collecting import Collector, EpisodeScore, play
from tfmeta.rl.evaluation import GoalScores, evaluate
from tfmeta.rl.mirror import Mirror
from tfmeta.rl.policies import Normal, NormalPolicy, SquashedNormal
from tfmeta.rl.replay import Replay, Transitions
from tfmeta.rl.trust_region import TrustRegion

__all__ = [
    "PEARL",
    "PPO",
    "RL2",
    "SAC",
    "TRPO",
    "AdaptiveAgent",
    "ClippedSurrogate",
    "Collector",
    "EpisodeScore",
    "GoalScores",
    "LinearBaseline",
    "Mirror",
    "Normal",
    "NormalPolicy",
    "PolicyMAML",
    "Replay",
    "SquashedNormal",
    "Transitions",
    "TrustRegion",
    "discounted_sums",
    "evaluate",
    "generalized_advantages",
    "play",
    "play_trial",
    "score_adaptation",
]

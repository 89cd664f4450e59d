"""What agents act in.

- `Environment` is the protocol; `GymnasiumEnvironment` makes one of any
  environment of gymnasium whose observations and actions are numbers.
- `PointRobot`, `cheetah_direction` and `cheetah_velocity` are the small
  problems of meta-reinforcement learning.
- `load_metaworld` gives any tasks of Meta-World.
- `EpisodeRecorder` takes up episodes where they were, and finds NaN.

All but the point robot need the extra `rl`: `pip install 'tfmeta[rl]'`.
"""

from tfmeta.environments.environment import Environment
from tfmeta.environments.episode_recorder import (
    EpisodeRecorder,
    EpisodeSnapshot,
)
from tfmeta.environments.gymnasium_environment import GymnasiumEnvironment
from tfmeta.environments.half_cheetah import (
    HalfCheetah,
    cheetah_direction,
    cheetah_velocity,
    sample_velocities,
)
from tfmeta.environments.metaworld.loading import (
    list_metaworld_tasks,
    load_metaworld,
)
from tfmeta.environments.point_robot import PointRobot, sample_goals

__all__ = [
    "Environment",
    "EpisodeRecorder",
    "EpisodeSnapshot",
    "GymnasiumEnvironment",
    "HalfCheetah",
    "PointRobot",
    "cheetah_direction",
    "cheetah_velocity",
    "list_metaworld_tasks",
    "load_metaworld",
    "sample_goals",
    "sample_velocities",
]

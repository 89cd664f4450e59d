"""Episodes of a Meta-World task: the package's, tfmeta's, physics alone.

A module of `worker.py`; a step is an episode, its loss the return. The actions
are those of the scripted expert with noise, found before.
"""

import warnings
from typing import TYPE_CHECKING, Any

import metaworld
import mujoco
import numpy as np
from metaworld import policies

from tfmeta import environments

if TYPE_CHECKING:
    from experiments.benchmarks import environment_workloads, worker

_GOALS = 3


def build(job: "environment_workloads.EpisodeJob") -> "worker.Contender":
    """Returns the contender's step."""
    (ours,) = environments.load_metaworld(
        [job.task],
        reward_version="v2",
        horizon=job.horizon,
        goal="shown",
        goals=_GOALS,
    )
    recorded = [_record(ours, goal) for goal in range(_GOALS)]
    contender: Any = {
        "package": _Package,
        "tfmeta": _Tfmeta,
        "physics": _Physics,
    }[job.contender](ours)
    episodes = 0

    def step() -> float:
        nonlocal episodes
        goal = episodes % _GOALS
        episodes += 1
        contender.reset(goal)
        return sum(contender.step(*moment) for moment in recorded[goal])

    return step, None  # type: ignore[return-value]


def _record(ours: Any, goal: int) -> list[tuple[np.ndarray, ...]]:
    """Returns an episode: actions, and what they ask of the simulator."""
    expert = policies.ENV_POLICY_MAP[ours.name]()
    generator = np.random.default_rng(goal)
    observation, _ = ours.reset(options={"goal": goal})
    data = ours.simulator.data
    moments: list[tuple[np.ndarray, ...]] = []
    for _ in range(ours.horizon):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Experts act beyond 1.
            action = expert.get_action(observation)
        action = action + 0.3 * generator.normal(size=4)
        action = np.clip(action, -1, 1).astype(np.float32)
        observation = ours.step(action)[0]
        moments.append((action, data.mocap_pos.copy(), data.ctrl.copy()))
    return moments


class _Tfmeta:
    def __init__(self, ours: Any):
        self._ours = ours

    def reset(self, goal: int) -> None:
        self._ours.reset(options={"goal": goal})

    def step(self, action: np.ndarray, *_: np.ndarray) -> float:
        return float(self._ours.step(action)[1])


class _Package:
    """The package's class, without any wrapper: they cost time, too."""

    def __init__(self, ours: Any):
        self._theirs: Any = metaworld.ALL_V3_ENVIRONMENTS[ours.name]()
        self._theirs._partially_observable = False
        del self._theirs.sawyer_observation_space  # It follows from the above.
        self._theirs._set_task_called = self._theirs._freeze_rand_vec = True
        self._goals = ours.goals

    def reset(self, goal: int) -> None:
        self._theirs._last_rand_vec = self._goals[goal]
        self._theirs.reset()

    def step(self, action: np.ndarray, *_: np.ndarray) -> float:
        return float(self._theirs.step(action)[1])


class _Physics:
    """The same simulation with nothing seen of it: the floor."""

    def __init__(self, ours: Any):
        self._ours = ours

    def reset(self, goal: int) -> None:
        self._ours.reset(options={"goal": goal})

    def step(self, _: np.ndarray, mocap: np.ndarray, ctrl: np.ndarray) -> float:
        simulator = self._ours.simulator
        simulator.data.mocap_pos[:] = mocap
        simulator.data.ctrl[:] = ctrl
        mujoco.mj_step(
            simulator.model, simulator.data, nstep=simulator.frame_skip
        )
        mujoco.mj_forward(simulator.model, simulator.data)
        return 0.0

"""The simulators of Meta-World, faster, with the same bits.

Nothing in the package is changed. `accelerate` makes a subclass of one of its
50 classes, with this module's `Sawyer` between it and their base:

    accelerated class -> class of the task -> Sawyer -> SawyerXYZEnv

What took the time:

- A reset simulates the way of the hand to its start twice, as much physics as
  100 actions. Where it ends follows from the goal alone, so it is kept.
- Contacts, quaternions, norms and rewards are Python or NumPy calls, many for
  a few numbers each. `fast_math` has the same in fewer; the package's functions
  run as they are, and find these in place of what they import.
- After a step sites are moved that the next line moves back, and forces are
  computed that no task reads.
"""

import functools
import types
from collections.abc import Callable
from typing import Any

import metaworld.sawyer_xyz_env
import mujoco
import numpy as np

from tfmeta.environments.metaworld import fast_math

_BASE: Any = metaworld.sawyer_xyz_env.SawyerXYZEnv
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value
_DOWN = np.array([1.0, 0.0, 1.0, 0.0])  # How the hand is turned.


def _with_fast_math(function: types.FunctionType) -> types.FunctionType:
    """Returns a function of the package that calls `fast_math`."""
    names = function.__globals__
    replaced = {k: v for k, v in fast_math.REPLACEMENTS.items() if k in names}
    copy = types.FunctionType(
        function.__code__,
        names | replaced,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _clip(x, low, high):
    # A third of the time of `np.clip`.
    return np.minimum(np.maximum(x, low), high)


class _Views(dict):
    """Arrays by name, looked up once."""

    def __init__(self, look_up: Callable[[str], np.ndarray]):
        super().__init__()
        self._look_up = look_up

    def __missing__(self, name: str) -> np.ndarray:
        view = self[name] = self._look_up(name)
        return view


class Sawyer(_BASE):
    """What all tasks have in common, see this module's docstring."""

    # Whether a reset only moves what the goal moves: no physics.
    _arranging = False

    def _initialize_simulation(self):
        simulation = super()._initialize_simulation()
        _, data = simulation
        # Views of what MuJoCo computes: to look them up takes longer than to
        # read them.
        self._bodies = _Views(lambda name: data.body(name).xpos)
        self._sites = _Views(lambda name: data.site(name).xpos)
        self._pads = data.geom("leftpad_geom").id, data.geom("rightpad_geom").id
        self._hand_states: dict[bytes, np.ndarray] = {}
        return simulation

    def show_goal(self, shown: bool):
        """Says whether observations have the goal's position."""
        self._partially_observable = not shown
        # Their bounds follow from it, and are kept.
        self.__dict__.pop("sawyer_observation_space", None)
        self.observation_space = self.sawyer_observation_space

    def draw_goals(self, count, generator):
        """Returns goals that the task allows, `[count, 3 or 6]`."""
        self._freeze_rand_vec, self.seeded_rand_vec = False, True
        self.np_random = generator
        goals = []
        self._arranging = True
        for _ in range(count):
            self.reset_model()  # It draws until a goal is allowed.
            goals.append(self._last_rand_vec)
        self._arranging = False
        return np.array(goals)

    def set_goal(self, goal):
        """Chooses the goal of the episodes to come, `[3 or 6]`."""
        self._freeze_rand_vec, self._set_task_called = True, True
        self._last_rand_vec = goal

    @property
    def tcp_center(self):
        """The point between the fingers, `[3]`."""
        sites = self._sites
        return (sites["rightEndEffector"] + sites["leftEndEffector"]) / 2.0

    def get_body_com(self, body_name):
        """The position of a body, `[3]`, a view as in the package."""
        return self._bodies[body_name]

    def _get_site_pos(self, site_name):
        return self._sites[site_name].copy()

    @functools.cached_property
    def _main_object(self):
        return self._get_id_main_object()

    @property
    def touching_main_object(self):
        """Whether both pads press on what the task is about."""
        return self.touching_object(self._main_object)

    def touching_object(self, object_geom_id):
        """Whether both pads press on a geom."""
        forces = [0.0, 0.0]
        for number, geoms in enumerate(self.data.contact.geom.tolist()):
            if object_geom_id not in geoms:
                continue
            for side, pad in enumerate(self._pads):
                if pad in geoms:
                    address = self.data.contact.efc_address[number]
                    forces[side] += self.data.efc_force[address]
        return min(forces) > 0

    def _reset_hand(self, steps=50):
        if not self._arranging:
            self._simulate_reset(steps * self.frame_skip)
        self.init_tcp = self.tcp_center

    def _simulate_reset(self, steps):
        model, data = self.model, self.data
        key = self._last_rand_vec.tobytes()
        state = self._hand_states.get(key)
        if state is None:
            data.mocap_pos[0] = self.hand_init_pos
            data.mocap_quat[0] = _DOWN
            data.ctrl[:] = -1, 1
            mujoco.mj_step(model, data, nstep=steps - 1)
            state = np.empty(mujoco.mj_stateSize(model, _STATE))
            mujoco.mj_getState(model, data, state, _STATE)
            self._hand_states[key] = state
        else:
            mujoco.mj_setState(model, data, state, _STATE)
        # The last step is made, so that what follows from the state is there.
        mujoco.mj_step(model, data)

    def reset(self, seed=None, options=None):
        """Begins an episode with the goal that was set."""
        self.curr_path_length = 0
        self._arranging = True
        self.reset_model()  # What stays of it is the model, with its bodies.
        self._arranging = False
        mujoco.mj_resetData(self.model, self.data)
        observation = self.reset_model()
        self._prev_obs = observation[:18].copy()
        observation[18:36] = self._prev_obs
        return observation, {}

    def _get_curr_obs_combined_no_goal(self):
        observation = np.zeros(18)
        observation[:3] = self._bodies["hand"]
        apart = self._bodies["rightclaw"] - self._bodies["leftclaw"]
        observation[3] = min(max(np.sqrt(apart.dot(apart)) / 0.1, 0.0), 1.0)
        positions = self._get_pos_objects()
        quaternions = self._get_quat_objects()
        start = 4
        for number in range(len(positions) // 3):
            middle, end = start + 3, start + 7
            observation[start:middle] = positions[3 * number : 3 * number + 3]
            observation[middle:end] = quaternions[4 * number : 4 * number + 4]
            start = end
        return observation

    def _get_obs(self):
        observation = np.zeros(39)
        current = self._get_curr_obs_combined_no_goal()
        observation[:18] = current
        observation[18:36] = self._prev_obs
        if not self._partially_observable:
            observation[36:] = self._get_pos_goal()
        self._prev_obs = current
        return observation

    def step(self, action):
        """Simulates 12.5 ms and says what came of it."""
        data = self.data
        delta = _clip(action[:3], -1.0, 1.0) * self.action_scale
        data.mocap_pos[0] = _clip(
            data.mocap_pos[0] + delta, self.mocap_low, self.mocap_high
        )
        data.mocap_quat[0] = _DOWN
        data.ctrl[:] = action[-1], -action[-1]
        mujoco.mj_step(self.model, data, nstep=self.frame_skip)
        mujoco.mj_forward(self.model, data)
        self.curr_path_length += 1
        space = self.sawyer_observation_space
        observation = _clip(self._get_obs(), space.low, space.high)
        reward, info = self.evaluate_state(observation, action)
        truncated = self.curr_path_length >= self.max_path_length
        return observation, reward, False, truncated, info

    _gripper_caging_reward = _with_fast_math(_BASE._gripper_caging_reward)


def accelerate(task: Any) -> Any:
    """Returns a subclass of a task's class that is faster and does the same.

    Args:
        task: one of the classes of `metaworld.envs`.
    """
    namespace = {}
    for name, value in vars(task).items():
        if isinstance(value, types.FunctionType) and name != "__init__":
            namespace[name] = _with_fast_math(_undecorated(value))
    return type(task.__name__, (task, Sawyer), namespace)


def _undecorated(function: types.FunctionType) -> types.FunctionType:
    # The decorator of `evaluate_state` asks whether a task was set.
    if "assert_task_is_set" not in function.__qualname__:
        return function
    (cell,) = function.__closure__ or ()
    return cell.cell_contents

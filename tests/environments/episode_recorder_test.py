import json
from typing import Any

import numpy as np
from absl.testing import absltest, parameterized

from tests.environments import cases
from tfmeta import environments, errors


def play(recorder, actions):
    """Returns what comes of actions: observations and rewards."""
    steps = [recorder.step(action) for action in actions]
    return [(step[0].tolist(), step[1]) for step in steps]


class Walk:
    """A user's own environment: the protocol without anything else."""

    name = "walk"
    observation_size, action_size, horizon = 1, 1, 30
    goals = np.zeros([1, 0])
    bad: Any = None

    def reset(self, *, seed=None, options=None):
        self._generator = np.random.default_rng(seed)
        self._position, self._steps = self._generator.normal(size=1), 0
        return self._position, {}

    def step(self, action):
        noise = self._generator.normal(size=1)
        self._position = self._position + action + noise
        self._steps += 1
        observation, reward = self._position, float(self._position[0])
        if self._steps == 3 and self.bad == "observation":
            observation = np.array([np.nan])
        if self._steps == 3 and self.bad == "reward":
            reward = np.inf
        return observation, reward, False, self._steps >= self.horizon, {}


class Forgetful(Walk):
    """One that goes on where it was, whatever the seed."""

    name = "forgetful"

    def reset(self, *, seed=None, options=None):
        return super().reset()


class EpisodeRecorderTest(parameterized.TestCase):
    def test_protocol_is_met_without_the_library(self):
        self.assertIsInstance(Walk(), environments.Environment)

    @parameterized.named_parameters(
        ("own", Walk, None),
        ("point_robot", cases.point_robot, 2),
        ("point_robot_of_the_seed", cases.point_robot, None),
        ("cheetah", cases.cheetah, 1),
        ("gymnasium", cases.pendulum, None),
        ("metaworld", cases.pick_place, 1),
    )
    def test_restored_episode_goes_on_bit_for_bit(self, make, goal):
        first = environments.EpisodeRecorder(make())
        size = first.environment.action_size
        actions = np.random.default_rng(0).uniform(-1, 1, [20, size])
        first.reset(seed=7)
        play(first, actions[:5])  # What was before must not matter.
        first.reset(seed=3, goal=goal)
        play(first, actions[:12])
        snapshot: Any = first.snapshot()
        # It survives what a checkpoint does to it.
        fields = json.loads(
            json.dumps(
                {
                    k: np.asarray(v).tolist()
                    for k, v in snapshot._asdict().items()
                }
            )
        )
        rest = play(first, actions[12:])
        other = environments.EpisodeRecorder(make())
        observation = other.restore(environments.EpisodeSnapshot(**fields))
        np.testing.assert_array_equal(observation, snapshot.observation)
        self.assertEqual(play(other, actions[12:]), rest)

    def test_no_episode_no_snapshot(self):
        recorder = environments.EpisodeRecorder(Walk())
        self.assertIsNone(recorder.snapshot())
        with self.assertRaisesRegex(RuntimeError, "reset"):
            recorder.step(np.zeros(1))
        recorder.reset(seed=0)
        snapshot: Any = recorder.snapshot()
        self.assertEqual(snapshot.actions.shape, (0, 1))
        play(recorder, np.zeros([30, 1]))  # To the horizon.
        self.assertIsNone(recorder.snapshot())
        self.assertIsNone(recorder.restore(None))

    def test_actions_are_copied(self):
        recorder = environments.EpisodeRecorder(Walk())
        recorder.reset(seed=0)
        action = np.ones(1, np.float32)
        recorder.step(action)
        action[:] = 5
        snapshot: Any = recorder.snapshot()
        np.testing.assert_array_equal(snapshot.actions, [[1]])

    def test_environment_that_does_not_replay_is_named(self):
        recorder = environments.EpisodeRecorder(Forgetful())
        recorder.reset(seed=0)
        play(recorder, np.zeros([3, 1]))
        with self.assertRaisesRegex(
            errors.InputError, "^snapshot: .*forgetful"
        ):
            recorder.restore(recorder.snapshot())

    def test_snapshot_of_another_environment_is_refused(self):
        recorder = environments.EpisodeRecorder(Walk())
        recorder.reset(seed=0)
        play(recorder, np.zeros([20, 1]))
        snapshot: Any = recorder.snapshot()
        short = Walk()
        short.horizon = 10
        wide = Walk()
        wide.action_size = 2
        for other in (short, wide):
            recorder = environments.EpisodeRecorder(other)
            with self.assertRaisesRegex(errors.InputError, "^snapshot: .*walk"):
                recorder.restore(snapshot)
            self.assertIsNone(recorder.snapshot())

    def test_seed_is_not_negative(self):
        recorder = environments.EpisodeRecorder(Walk())
        with self.assertRaisesRegex(errors.InputError, "^seed: .*-1"):
            recorder.reset(seed=-1)

    @parameterized.parameters("observation", "reward")
    def test_what_is_not_finite_is_named(self, what):
        walk = Walk()
        walk.bad = what
        recorder = environments.EpisodeRecorder(walk)
        recorder.reset(seed=0)
        with self.assertRaisesRegex(
            errors.InputError, f"^environment: walk gave {what} .* at step 3$"
        ):
            play(recorder, np.zeros([5, 1]))


if __name__ == "__main__":
    absltest.main()

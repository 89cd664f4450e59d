import types

import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import environments, errors


class Stretched:
    """The least that gymnasium asks for, with bounds and shapes of its own."""

    spec = None

    def __init__(self, **spaces):
        import gymnasium

        box = gymnasium.spaces.Box
        self.observation_space = spaces.get(
            "observations", box(-1, 1, [2, 2], np.float64)
        )
        self.action_space = spaces.get(
            "actions", box(np.array([1, 1]), np.array([5, 2]), dtype=np.float32)
        )
        self.unwrapped = self
        self.taken = []

    def reset(self, *, seed=None, options=None):
        return np.zeros([2, 2]), {"options": options}

    def step(self, action):
        self.taken.append(action)
        info = {"is_success": len(self.taken) > 1}
        return np.ones([2, 2]), 1, False, False, info


class GymnasiumEnvironmentTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        prerequisites.package("gymnasium")

    def test_pendulum_is_what_gymnasium_makes_of_it(self):
        import gymnasium

        adapted = environments.GymnasiumEnvironment(
            gymnasium.make("Pendulum-v1")
        )
        self.assertIsInstance(adapted, environments.Environment)
        self.assertEqual(adapted.name, "Pendulum-v1")
        self.assertEqual(
            (adapted.observation_size, adapted.action_size, adapted.horizon),
            (3, 1, 200),
        )
        itself = gymnasium.make("Pendulum-v1")
        observation, _ = adapted.reset(seed=5)
        np.testing.assert_array_equal(observation, itself.reset(seed=5)[0])
        for number in range(200):
            action = np.array([np.sin(number)], np.float32)
            ours = adapted.step(action)
            theirs = itself.step(2 * action)  # Its torques are from -2 to 2.
            np.testing.assert_array_equal(ours[0], theirs[0])
            self.assertEqual(ours[1:4], theirs[1:4])
        self.assertTrue(ours[3])

    def test_actions_are_scaled_and_clipped_and_observations_flat(self):
        inner = Stretched()
        adapted = environments.GymnasiumEnvironment(
            inner, horizon=3, success="is_success"
        )
        self.assertEqual(adapted.name, "Stretched")
        observation, info = adapted.reset(seed=0, options={"goal": 0, "own": 1})
        self.assertEqual(observation.shape, (4,))
        self.assertEqual(info["options"], {"own": 1})
        ends = []
        for action in ([-1, 1], [0, 0], [-9, 9]):
            *_, truncated, info = adapted.step(np.array(action, np.float32))
            ends.append((truncated, info["success"]))
        np.testing.assert_array_equal(inner.taken, [[1, 2], [3, 1.5], [1, 2]])
        self.assertEqual(inner.taken[0].dtype, np.float32)
        self.assertEqual(ends, [(False, 0.0), (False, 1.0), (True, 1.0)])

    @parameterized.named_parameters(
        ("discrete_actions", "actions", "Discrete(3)", "continuous actions"),
        ("unbounded_actions", "actions", "free", "bounded actions"),
        ("integer_observations", "observations", "bytes", "continuous observ"),
        ("discrete_observations", "observations", "Discrete(3)", "Discrete"),
    )
    def test_what_is_not_continuous_is_one_line(self, which, kind, message):
        import gymnasium

        space = {
            "Discrete(3)": gymnasium.spaces.Discrete(3),
            "free": gymnasium.spaces.Box(-np.inf, np.inf, [1], np.float32),
            "bytes": gymnasium.spaces.Box(0, 255, [4], np.uint8),
        }[kind]
        with self.assertRaisesRegex(
            errors.InputError, f"^environment: .*{message}"
        ) as caught:
            environments.GymnasiumEnvironment(
                Stretched(**{which: space}), horizon=9
            )
        self.assertNotIn("\n", str(caught.exception))

    @parameterized.parameters(0, -1, 201)
    def test_horizon_that_cannot_be(self, horizon):
        import gymnasium

        with self.assertRaisesRegex(
            errors.InputError, f"^horizon: .*1 to 200 .*got {horizon}$"
        ):
            environments.GymnasiumEnvironment(
                gymnasium.make("Pendulum-v1"), horizon=horizon
            )

    def test_no_horizon(self):
        with self.assertRaisesRegex(errors.InputError, "^horizon: .*Stretched"):
            environments.GymnasiumEnvironment(Stretched())

    def test_it_has_one_goal(self):
        adapted = environments.GymnasiumEnvironment(
            Stretched(), horizon=3, name="x"
        )
        with self.assertRaisesRegex(
            errors.InputError, "^goal: .*0 to 0, got 1"
        ):
            adapted.reset(options={"goal": 1})

    def test_spaces_need_no_gymnasium(self):
        box = types.SimpleNamespace(
            low=-np.ones(2), high=np.ones(2), shape=(2,), dtype=np.dtype("f4")
        )
        inner = Stretched(observations=box, actions=box)
        adapted = environments.GymnasiumEnvironment(inner, horizon=3)
        self.assertEqual(adapted.action_size, 2)


if __name__ == "__main__":
    absltest.main()

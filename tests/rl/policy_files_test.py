"""Policies as SavedModels, and agents' weights as files."""

import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.rl import resumed_runs
from tfmeta import errors
from tfmeta.rl.agents import policy_maml, sac

_ACT = """
import sys
import numpy as np, tensorflow as tf
act = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
inputs = {k: tf.constant(v) for k, v in np.load(sys.argv[2]).items()}
np.save(sys.argv[3], act(**inputs)["action"])
assert "tfmeta" not in sys.modules
"""


def _agent(tasks, **given):
    """Returns an agent that has seen something."""
    agent = sac.SAC(3, 2, tasks, **{"hidden": (8,)} | given)
    if agent._normalizer:
        agent._normalizer.add(np.random.default_rng(1).normal(5, 3, (20, 3)))
    return agent


class ExportTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    @parameterized.parameters(
        (1, {}),
        (1, {"normalize_observations": True}),
        (3, {}),
        (3, {"normalize_observations": True}),
        (3, {"per_task_from": 0, "normalize_observations": True}),
        (3, {"per_task_from": -1}),
    )
    def test_it_acts_as_the_agent(self, tasks, given):
        agent = _agent(tasks, **given)
        agent.export(self.folder / "policy")
        act = tf.saved_model.load(self.folder / "policy").signatures[
            "serving_default"
        ]
        seen = np.random.default_rng(0).normal(4, 3, (tasks, 3))
        inputs = {"observation": tf.constant(seen, tf.float32)}
        if tasks > 1:
            inputs["task"] = tf.range(tasks)
        np.testing.assert_allclose(
            act(**inputs)["action"], agent.act(seen), rtol=1e-4, atol=1e-5
        )

    def test_it_needs_no_tfmeta_and_takes_any_batch(self):
        agent = _agent(2, normalize_observations=True)
        agent.export(self.folder / "policy")
        seen = np.random.default_rng(0).normal(size=(5, 2, 3))
        inputs, outputs = self.folder / "in.npz", self.folder / "out.npy"
        np.savez(
            inputs,
            observation=seen.reshape(10, 3).astype(np.float32),
            task=np.tile(np.arange(2, dtype=np.int32), 5),
        )
        subprocess.run(
            [
                sys.executable,
                "-I",
                "-c",
                _ACT,
                self.folder / "policy",
                inputs,
                outputs,
            ],
            check=True,
        )
        np.testing.assert_allclose(
            np.load(outputs).reshape(5, 2, 2),
            [agent.act(both) for both in seen],
            rtol=1e-4,
            atol=1e-5,
        )

    def test_a_task_that_it_does_not_know(self):
        _agent(2).export(self.folder / "policy")
        act = tf.saved_model.load(self.folder / "policy").signatures[
            "serving_default"
        ]
        with self.assertRaisesRegex(
            tf.errors.InvalidArgumentError, "task: expected numbers from 0 to 1"
        ):
            act(observation=tf.zeros((1, 3)), task=tf.constant([2]))

    def test_an_occupied_folder_is_left_alone(self):
        (self.folder / "precious").touch()
        with self.assertRaisesRegex(errors.InputError, "exists: give a new"):
            _agent(1).export(self.folder)


class WeightsTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.create_tempdir().full_path, "weights")

    @parameterized.parameters(
        {},
        {"normalize_observations": True, "normalize_rewards": True},
        {"per_task_from": -1},
    )
    def test_they_come_back(self, **given):
        agent = _agent(2, **given)
        agent.save_weights(self.file)
        other = sac.SAC(3, 2, 2, hidden=(8,), **given)
        other.load_weights(self.file)
        for ours, theirs in zip(
            other._learned.variables, agent._learned.variables, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        seen = np.random.default_rng(0).normal(4, 3, (2, 3))
        np.testing.assert_array_equal(other.act(seen), agent.act(seen))

    @parameterized.parameters(
        ({"hidden": (9,)}, r"another network.*shape \(3, 8\), expected \(3, 9"),
        (
            {"normalize_observations": True},
            "no normalization, expected normalize_obs",
        ),
    )
    def test_of_another_agent(self, changed, message):
        _agent(1).save_weights(self.file)
        with self.assertRaisesRegex(errors.InputError, message):
            _agent(1, **changed).load_weights(self.file)

    def test_a_policy_comes_back(self):
        agent, other = (policy_maml.PolicyMAML(3, 2, hidden=(4,)) for _ in "ab")
        agent.iterations.assign(7)
        agent.save_weights(self.file)
        other.load_weights(self.file)
        self.assertEqual(int(other.iterations), 7)
        for ours, theirs in zip(
            other.policy.variables, agent.policy.variables, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        with self.assertRaisesRegex(errors.InputError, "another network"):
            policy_maml.PolicyMAML(3, 2, hidden=(5,)).load_weights(self.file)

    def test_that_cannot_be_read(self):
        self.file.write_bytes(b"PK")
        with self.assertRaisesRegex(errors.InputError, "cannot be read"):
            _agent(1).load_weights(self.file)


class ResumedWeightsTest(absltest.TestCase):
    def test_what_an_agent_learned_is_in_them(self):
        file = pathlib.Path(self.create_tempdir().full_path, "weights")
        agent = resumed_runs.agent()
        resumed_runs.fit(agent, resumed_runs.robots(), None, steps=20)
        agent.save_weights(file)
        other = resumed_runs.agent()
        other.load_weights(file)
        self.assertEqual(int(other.updates), int(agent.updates))
        seen = np.ones((2, 2))
        np.testing.assert_array_equal(other.act(seen), agent.act(seen))


if __name__ == "__main__":
    absltest.main()

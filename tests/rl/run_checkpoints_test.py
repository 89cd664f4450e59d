"""Checkpoints of runs: collectors go on where they were, others are refused."""

import pathlib

import keras
import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import environments, errors
from tfmeta.rl import collecting, run_checkpoints


def _robots():
    return [
        environments.PointRobot(
            "dense",
            environments.sample_goals("dense", 3, seed=seed),
            horizon=7 + seed,
            name=f"robot{seed}",
        )
        for seed in range(2)
    ]


def _play(collector, steps, generator):
    return [
        collector.step(generator.uniform(-1, 1, (2, 2))) for _ in range(steps)
    ]


class CollectorTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    @parameterized.parameters(0, 3, 7, 40)
    def test_it_goes_on_as_the_one_that_was_not_saved(self, steps):
        generator = np.random.default_rng(0)
        whole = collecting.Collector(_robots(), 5)
        _play(whole, steps, generator)
        whole.save(self.folder / "there")
        restored = collecting.Collector(_robots(), 6)
        restored.restore(self.folder / "there")
        np.testing.assert_array_equal(restored.observations, whole.observations)
        same = np.random.default_rng()
        same.bit_generator.state = generator.bit_generator.state
        for (ours, finished), (theirs, expected) in zip(
            _play(restored, 30, same), _play(whole, 30, generator), strict=True
        ):
            self.assertEqual(finished, expected)
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, other)

    def test_other_environments(self):
        collector = collecting.Collector(_robots(), 0)
        _play(collector, 3, np.random.default_rng(0))
        collector.save(self.folder / "there")
        with (
            self.subTest("number"),
            self.assertRaisesRegex(
                errors.InputError, "is of 2 environments, expected 1"
            ),
        ):
            collecting.Collector(_robots()[:1], 0).restore(
                self.folder / "there"
            )
        others = _robots()
        others[1].goals = others[1].goals + 1
        others[1]._sparse = True
        with (
            self.subTest("goals"),
            self.assertRaisesRegex(
                errors.InputError, "an episode of robot1 came out otherwise"
            ),
        ):
            collecting.Collector(others, 0).restore(self.folder / "there")

    @parameterized.parameters("collector.json", "episodes.npz")
    def test_what_cannot_be_read(self, name):
        collector = collecting.Collector(_robots(), 0)
        collector.save(self.folder / "there")
        (self.folder / "there" / name).write_bytes(b"{")
        with self.assertRaisesRegex(errors.InputError, "cannot be read"):
            collector.restore(self.folder / "there")


class RunCheckpointsTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def checkpoints(self, size=2, **changed):
        self.variable = keras.Variable(np.zeros(size), dtype="float32")
        settings = {"agent": "SAC", "sizes": (1, 2), "optimizer": {"rate": 0.1}}
        return run_checkpoints.RunCheckpoints(
            self.folder,
            settings=settings | changed,
            variables=[self.variable],
            parts={"collector": collecting.Collector(_robots(), 0)},
        )

    def test_progress_and_variables_come_back(self):
        self.assertIsNone(self.checkpoints().restore(20))
        made = self.checkpoints()
        for step in (3, 20):
            self.variable.assign([step, 1 / 3])
            made.save(step, {"step": step, "share": 1 / 3})
        progress = self.checkpoints().restore(20)
        self.assertEqual(progress, {"step": 20, "share": 1 / 3})
        np.testing.assert_array_equal(
            self.variable, np.array([20, 1 / 3], np.float32)
        )

    def test_of_more_steps(self):
        self.checkpoints().save(21, {})
        with self.assertRaisesRegex(
            errors.InputError, "holds 21 steps, expected at most steps=20"
        ):
            self.checkpoints().restore(20)

    @parameterized.parameters(
        ({"agent": "PPO"}, "with agent='SAC', not 'PPO': give another folder"),
        ({"sizes": (1, 3)}, r"with sizes=\[1, 2\], not \[1, 3\]"),
        ({"optimizer": {"rate": 1.0}}, "optimizer.rate=0.1, not 1.0"),
        ({"more": 1}, "with more=None, not 1"),
        ({"size": 3}, r"another network.*has shape \(2,\), expected \(3,\)"),
    )
    def test_another_run(self, changed, message):
        self.checkpoints().save(1, {})
        with self.assertRaisesRegex(errors.InputError, message):
            self.checkpoints(**changed).restore(20)
        np.testing.assert_array_equal(self.variable, 0)


if __name__ == "__main__":
    absltest.main()

"""The replay: what was added is drawn, and comes back from a folder."""

import json
import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.rl import replay

_TASKS, _CAPACITY = 3, 10


def _transitions(step):
    """Returns transitions from all of whose numbers task and step are read."""
    codes = 100.0 * np.arange(_TASKS) + step

    def numbers(size):
        return np.repeat(codes[:, np.newaxis], size, axis=1)

    return replay.Transitions(
        observation=numbers(4),
        action=numbers(2) + 0.25,
        reward=codes + 0.5,
        next_observation=numbers(4) + 1,
        terminated=np.full(_TASKS, step % 2),
    )


def _replay(steps=0, capacity=_CAPACITY):
    made = replay.Replay(_TASKS, capacity, 4, 2)
    for step in range(steps):
        made.add(_transitions(step))
    return made


class ReplayTest(parameterized.TestCase):
    @parameterized.parameters((4, 0), (10, 0), (27, 17))
    def test_the_last_transitions_are_drawn_whole(self, steps, oldest):
        made = _replay(steps)
        self.assertLen(made, min(steps, _CAPACITY))
        generator = np.random.default_rng(0)
        seen = set()
        for _ in range(40):
            batch = made.sample(3, generator)
            self.assertEqual(batch.observation.shape, (_TASKS, 3, 4))
            self.assertEqual(batch.reward.shape, (_TASKS, 3))
            for task in range(_TASKS):
                for row in range(3):
                    step = int(batch.observation[task, row, 0]) - 100 * task
                    expected = _transitions(step)
                    for ours, theirs in zip(batch, expected, strict=True):
                        np.testing.assert_array_equal(
                            ours[task, row], theirs[task]
                        )
                    seen.add((task, step))
        self.assertEqual(
            seen,
            {(t, s) for t in range(_TASKS) for s in range(oldest, steps)},
        )

    def test_draws_are_those_of_the_generator(self):
        made = _replay(8)
        one, same, other = (
            made.sample(5, np.random.default_rng(seed)) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(one.reward, same.reward)
        self.assertTrue((one.reward != other.reward).any())

    def test_a_million_transitions_of_metaworld_take_350_megabytes(self):
        # Of which the system gives none before they come.
        made = replay.Replay(10, 100_000, 39, 4)
        self.assertLess(made._rows.nbytes, 350e6)

    @parameterized.parameters(
        ({"tasks": 0}, "tasks=0: expected a positive integer"),
        ({"capacity": -1}, "capacity=-1: expected a positive integer"),
    )
    def test_sizes(self, changed, message):
        sizes = {
            "tasks": 2,
            "capacity": 3,
            "observation_size": 4,
            "action_size": 1,
        }
        with self.assertRaisesRegex(errors.InputError, message):
            replay.Replay(**sizes | changed)

    def test_a_batch_that_is_larger_than_the_replay(self):
        with self.assertRaisesRegex(
            errors.InputError, "batch_size=5: expected 1 to 4"
        ):
            _replay(4).sample(5, np.random.default_rng(0))

    def test_transitions_of_another_size(self):
        with self.assertRaisesRegex(
            errors.InputError, "expected 12 numbers of each task, got 10"
        ):
            _replay().add(_transitions(0)._replace(action=np.zeros((3, 0))))


class SaveTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)
        self.enter_context(mock.patch.object(replay, "_PIECE", 4))

    def assert_same(self, one, other):
        self.assertEqual(one._added, other._added)
        np.testing.assert_array_equal(one._rows, other._rows)

    def test_saved_again_and_again_it_comes_back(self):
        made, previous = _replay(), None
        for step in range(30):
            made.add(_transitions(step))
            if step % 3 == 0:
                folder = self.folder / str(step)
                made.save(folder, previous)
                previous = folder
                restored = _replay()
                restored.restore(folder)
                self.assert_same(restored, made)

    def test_what_is_full_is_written_once(self):
        made = _replay(9, capacity=100)
        made.save(self.folder / "first")
        for step in range(9, 13):
            made.add(_transitions(step))
        with mock.patch.object(np, "save", wraps=np.save) as save:
            made.save(self.folder / "second", self.folder / "first")
        written = [call.args[1].shape[1] for call in save.call_args_list]
        self.assertEqual(written, [4, 1])
        first = self.folder / "first" / "steps-0000000000-0000000004.npy"
        self.assertTrue(first.samefile(self.folder / "second" / first.name))

    def test_it_goes_on_as_the_one_that_was_not_saved(self):
        made = _replay(13)
        made.save(self.folder / "there")
        restored = _replay()
        restored.restore(self.folder / "there")
        for step in range(13, 20):
            for each in (made, restored):
                each.add(_transitions(step))
        self.assert_same(restored, made)

    @parameterized.named_parameters(
        ("missing", lambda folder: (folder / "replay.json").unlink(), "cannot"),
        (
            "format",
            lambda folder: (folder / "replay.json").write_text(
                json.dumps({"format": 7})
            ),
            "format 7, expected 1",
        ),
        (
            "no_json",
            lambda folder: (folder / "replay.json").write_text("["),
            "cannot be read",
        ),
        (
            "broken",
            lambda folder: next(folder.glob("*.npy")).write_bytes(b"x"),
            "cannot be read",
        ),
        (
            "lost",
            lambda folder: next(folder.glob("*.npy")).unlink(),
            "cannot be read",
        ),
    )
    def test_what_cannot_be_read(self, spoil, message):
        _replay(6).save(self.folder / "there")
        spoil(self.folder / "there")
        with self.assertRaisesRegex(errors.InputError, message):
            _replay().restore(self.folder / "there")

    def test_a_larger_one_takes_up_what_is_not_full(self):
        made = _replay(9)
        made.save(self.folder / "there")
        larger = _replay(capacity=20)
        larger.restore(self.folder / "there")
        self.assert_same(larger, _replay(9, capacity=20))

    @parameterized.parameters(
        (11, 11, r"shape \[3, 10, 12\], expected \[3, 11, 12\]"),
        (6, 5, r"shape \[3, 10, 12\], expected \[3, 5, 12\]"),
    )
    def test_another_replay(self, steps, capacity, message):
        _replay(steps).save(self.folder / "there")
        with self.assertRaisesRegex(errors.InputError, message):
            _replay(capacity=capacity).restore(self.folder / "there")


if __name__ == "__main__":
    absltest.main()

"""Checkpoints: whole or not there, and exact."""

import errno
import pathlib
from unittest import mock

import keras
import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.training import checkpoints as checkpoints_lib


def _model(units=3, optimizer=None):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dropout(0.5, seed=1),
            keras.layers.Dense(units),
        ]
    )
    model.compile(optimizer or keras.optimizers.Adam(0.1), "mse")
    return model


def _train(model, steps):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 4)).astype(np.float32)
    y = rng.normal(size=(8, 3)).astype(np.float32)
    for _ in range(steps):
        model.train_on_batch(x, y)


class CheckpointsTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        keras.utils.set_random_seed(0)
        self.folder = pathlib.Path(self.create_tempdir().full_path, "made")
        self.checkpoints = checkpoints_lib.Checkpoints(self.folder)

    def test_a_restored_model_goes_on_bit_for_bit(self):
        model = _model()
        _train(model, 3)
        self.checkpoints.save(model, 3, {"curve": [0.1, 1 / 3]})
        _train(model, 4)
        restored = _model()
        progress = self.checkpoints.restore(restored)
        self.assertEqual(progress, {"curve": [0.1, 1 / 3]})
        self.assertEqual(int(restored.optimizer.iterations), 3)
        _train(restored, 4)
        # The dropout's masks agree too: its random state was saved.
        for ours, theirs in zip(
            model.get_weights(), restored.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)

    def test_nothing_saved_is_nothing_restored(self):
        self.assertIsNone(self.checkpoints.restore(_model()))

    def test_only_the_last_is_kept(self):
        model = _model()
        _train(model, 1)
        for step in (5, 40, 300):
            self.checkpoints.save(model, step, step)
        self.assertLen(list(self.folder.iterdir()), 1)
        self.assertEqual(self.checkpoints.restore(model), 300)

    def test_a_half_written_one_is_not_looked_at(self):
        model = _model()
        _train(model, 1)
        self.checkpoints.save(model, 1, "whole")
        half = self.folder / ".writing"
        half.mkdir()
        (half / "variables.npz").write_bytes(b"PK")
        self.assertEqual(self.checkpoints.restore(_model()), "whole")
        self.checkpoints.save(model, 2, "next")
        self.assertEqual(self.checkpoints.restore(_model()), "next")

    def test_a_full_disk_leaves_the_last_one(self):
        model = _model()
        _train(model, 1)
        self.checkpoints.save(model, 1, "before")
        full = OSError(errno.ENOSPC, "No space left on device")
        with (
            mock.patch.object(np, "savez", side_effect=full),
            self.assertRaises(OSError),
        ):
            self.checkpoints.save(model, 2, "after")
        self.assertEqual(self.checkpoints.restore(_model()), "before")

    @parameterized.named_parameters(
        ("network", lambda: _model(units=5), r"another network.*\(4, 3\)"),
        (
            "optimizer",
            lambda: _model(optimizer=keras.optimizers.SGD()),
            "another network or optimizer",
        ),
    )
    def test_another(self, build, message):
        model = _model()
        _train(model, 1)
        self.checkpoints.save(model, 1, None)
        with self.assertRaisesRegex(errors.InputError, message):
            self.checkpoints.restore(build())

    @parameterized.parameters("variables.npz", "progress.json")
    def test_a_corrupt_file_is_named(self, name):
        model = _model()
        _train(model, 1)
        self.checkpoints.save(model, 1, {"key": 1})
        file = self.checkpoints.latest / name
        file.write_bytes(file.read_bytes()[:5])
        with self.assertRaisesRegex(errors.InputError, "cannot be read"):
            self.checkpoints.restore(_model())


if __name__ == "__main__":
    absltest.main()

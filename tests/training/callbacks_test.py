"""Callbacks for long runs."""

import keras
import numpy as np
from absl.testing import absltest

from tfmeta import training


class StopOnNaNTest(absltest.TestCase):
    def test_the_last_good_checkpoint_remains(self):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.ones((5, 1), np.float32)
        bad = x.copy()
        bad[3] = np.nan
        checkpoints = training.Checkpoints(self.create_tempdir().full_path)
        callbacks = [
            training.StopOnNaN(),
            training.SaveCheckpoint(
                checkpoints, lambda epoch, logs: [epoch, logs["loss"]]
            ),
        ]
        fit = {"batch_size": 1, "shuffle": False, "verbose": 0}
        model.fit(x, x, callbacks=callbacks, **fit)
        good = model.get_weights()
        with self.assertRaisesRegex(training.DivergenceError, "at step 9"):
            model.fit(bad, x, callbacks=callbacks, **fit)
        progress = checkpoints.restore(model)
        self.assertIsNotNone(progress)
        self.assertTrue(np.all(np.isfinite(progress)))
        for ours, theirs in zip(good, model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


if __name__ == "__main__":
    absltest.main()

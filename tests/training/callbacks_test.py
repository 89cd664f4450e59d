"""Callbacks for long runs."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import training
from tfmeta.multitask import multi_task_model
from tfmeta.optimizers import pcgrad


def root_of_zero(y, prediction):
    """Returns 0, whose gradient is infinity times 0."""
    del y
    return tf.sqrt(0.0 * prediction)


class StopOnNaNTest(parameterized.TestCase):
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

    @parameterized.named_parameters(
        ("target", "mse", np.nan, "is nan at step 1, .* of the tasks depth:"),
        (
            "gradient_of_a_finite_loss",
            root_of_zero,
            0.0,
            "is [.0-9]+ at step 1, .* of the tasks depth:",
        ),
    )
    def test_names_the_task_that_xla_lets_pass(self, loss, target, message):
        x = np.ones((4, 2), np.float32)
        y = {name: np.zeros((4, 1), np.float32) for name in ("kind", "depth")}
        y["depth"][2] = target

        def fit(optimizer):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((2,))
            trunk = keras.layers.Dense(3)(inputs)
            outputs = {
                name: keras.layers.Dense(1, name=name)(trunk) for name in y
            }
            model = multi_task_model.MultiTaskModel(inputs, outputs)
            model.compile(
                pcgrad.PCGrad(optimizer),
                {"kind": "mse", "depth": loss},
                jit_compile=True,
            )
            model.fit(x, y, verbose=0, callbacks=[training.StopOnNaN()])

        with self.assertRaisesRegex(training.DivergenceError, message):
            fit(keras.optimizers.SGD(0.1))
        if target == 0:  # The loss stays finite: a skipped step is no harm.
            fit(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)))


if __name__ == "__main__":
    absltest.main()

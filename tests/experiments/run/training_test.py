"""Conflicts are measured where the optimizer can tell."""

import keras
from absl.testing import absltest, parameterized

from experiments.run import training
from tfmeta import optimizers


class ConflictsTest(parameterized.TestCase):
    @parameterized.parameters(
        (keras.optimizers.Adam(), 0),
        (optimizers.PCGrad(keras.optimizers.Adam()), 1),
        (optimizers.LinearScalarization(keras.optimizers.Adam()), 1),
    )
    def test_monitors(self, optimizer, count):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(optimizer, "mse")
        self.assertLen(training.conflict_monitors(model), count)

    def test_means_over_training(self):
        points = [
            {"step": 1, "loss": 5.0, "condition_a": 1.0}
            | dict.fromkeys(training.CONFLICTS, share)
            for share in (0.2, 0.6)
        ]
        means = training.conflict_means(points)
        self.assertEqual(list(means), list(training.CONFLICTS))
        for measured in means.values():
            self.assertEqual(measured["mean"], 0.4)

    def test_nothing_was_measured(self):
        self.assertEmpty(training.conflict_means([{"step": 1, "loss": 5.0}]))


if __name__ == "__main__":
    absltest.main()

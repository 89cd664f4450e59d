"""Every method trains, and shares what it is said to share."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.multitask import experiment
from tests.experiments import commands
from tests.experiments.multitask import cases
from tfmeta import optimizers, weightings

_METHODS = experiment.EXPERIMENT.methods
# One for each network, and for each of a model's ways to its step. The others
# are these with another aggregator or weighting.
_TRAINED = (
    *("independent", "one_fc", "all_fc", "cross_stitch", "routing"),
    *("pcgrad", "routing_pcgrad", "gradnorm"),
)
_CONV, _FC = 2 * 3, 2 * 2
_HEAD = 2


def setUpModule():
    # As the command: without XLA, whose compilation takes its time.
    tf.config.experimental.enable_op_determinism()


def _model(name, tasks=3, **given):
    data = cases.small_data(tasks=tasks)
    model = commands.build(
        experiment.EXPERIMENT,
        data,
        name,
        **{"filters": 3, "units": (4, 4)} | given,
    )
    return model, data


class MethodsTest(parameterized.TestCase):
    @parameterized.parameters(*_TRAINED)
    def test_trains(self, name):
        model, data = _model(name, tasks=2, units=(4,))
        before = [v.numpy() for v in model.trainable_variables]
        history = model.fit(
            data.train_batches(0), steps_per_epoch=2, verbose=0
        ).history
        self.assertTrue(np.isfinite(history["loss"][0]))
        self.assertEqual(int(model.optimizer.iterations), 2)
        for variable in model.trainable_variables:
            self.assertTrue(np.isfinite(variable.numpy()).all(), variable.path)
        moved = [
            (old != variable.numpy()).any()
            for old, variable in zip(
                before, model.trainable_variables, strict=True
            )
        ]
        self.assertGreater(np.mean(moved), 0.5)
        self.assertContainsSubset(
            [f"task{number}_accuracy" for number in range(2)], history
        )

    @parameterized.parameters(
        ("independent", 3 * (_CONV + _FC + _HEAD)),
        ("one_fc", _CONV + _FC + 3 * _HEAD),
        ("all_fc", _CONV + 3 * (_FC + _HEAD)),
        ("pcgrad", _CONV + 3 * (_FC + _HEAD)),
        ("cross_stitch", _CONV + 3 * (_FC + _HEAD) + 2),
        ("routing", _CONV + _FC + _HEAD),
    )
    def test_shares(self, name, variables):
        model, _ = _model(name)
        normalizations = [
            v for v in model.trainable_variables if "norm" in v.path
        ]
        self.assertLen(
            model.trainable_variables, variables + len(normalizations)
        )

    def test_there_is_one_for_each_aggregator_and_weighting(self):
        aggregators = {method.aggregator for method in _METHODS.values()}
        self.assertContainsSubset(optimizers.AGGREGATORS.values(), aggregators)
        found = {
            type(method.weighting(0))
            for method in _METHODS.values()
            if method.weighting
        }
        self.assertEqual(
            found, set(weightings.WEIGHTINGS.values()) - {weightings.Equal}
        )

    def test_settings(self):
        settings = _METHODS["routing"].choose(
            {
                "learning_rate": 0.1,
                "router_learning_rate": 0.2,
                "optimizer": None,
            }
        )
        self.assertEqual(
            (settings["learning_rate"], settings["router_learning_rate"]),
            (0.1, 0.2),
        )
        self.assertEqual(settings["optimizer"], "adam")
        other = _METHODS["pcgrad"].choose({"router_learning_rate": 0.2})
        self.assertNotIn("router_learning_rate", other)
        model, _ = _model(
            "routing", router_learning_rate=0.2, router_decides_for="example"
        )
        self.assertEqual(model.get_layer("router").decides_for, "example")
        self.assertEqual(model.get_layer("router").learning_rate, 0.2)

    def test_the_rate_falls_to_zero(self):
        model, data = _model("pcgrad", optimizer="sgd", learning_rate=0.5)
        self.assertIsInstance(
            model.optimizer.inner_optimizer, keras.optimizers.SGD
        )
        self.assertAlmostEqual(float(model.optimizer.learning_rate), 0.5)
        model.fit(data.train_batches(0), steps_per_epoch=10, verbose=0)
        self.assertAlmostEqual(float(model.optimizer.learning_rate), 0.0)


if __name__ == "__main__":
    absltest.main()

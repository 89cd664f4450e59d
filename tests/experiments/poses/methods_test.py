"""Each method is the configuration that its name says, and trains."""

import typing

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.poses import experiment
from tests.experiments import commands, method_cases
from tfmeta import layers

_METHODS = experiment.EXPERIMENT.methods
_GRADIENT_BASED = [name for name in _METHODS if "cnp" not in name]
_REGULARIZED = {
    "mr_maml_a",
    "mr_maml_w",
    "cnp_bayes_by_backprop",
    "mr_cnp_a",
    "mr_cnp_w",
}
_ENCODER = {f"encoder_conv{number}" for number in (1, 2, 3)} | {"encoder_code"}
_BASE_NETWORK = {
    *(f"block{number}_conv" for number in (1, 2, 3, 4)),
    *(f"block{number}_norm" for number in (1, 2, 3, 4)),
    "head",
}


def setUpModule():
    # As the command: without XLA, whose compilation takes its time.
    tf.config.experimental.enable_op_determinism()


class _Sizes:
    """As much of the problem as networks are made of."""

    values: typing.ClassVar = {"image_size": 8, "code_side": 3, "filters": 4}


def _build(name, **given):
    return commands.build(experiment.EXPERIMENT, _Sizes(), name, **given)


def _episodes():
    rng = np.random.default_rng(0)
    arrays = (
        rng.random((2, 3, 8, 8, 1), np.float32),
        rng.random((2, 3, 1), np.float32),
        rng.random((2, 4, 8, 8, 1), np.float32),
        rng.random((2, 4, 1), np.float32),
    )
    return tf.data.Dataset.from_tensors(arrays).repeat()


def _layers_of(variables):
    return {variable.path.split("/")[0] for variable in variables}


def _parts(learner):
    return getattr(learner.network, "parts", {"network": learner.network})


def _describe(learner):
    """Returns what a learner is, but for posteriors and the noise in it."""
    config = learner.get_config()
    for key in ("name", *_parts(learner)):
        del config[key]
    shapes = {
        name: [layer.output.shape for layer in part.layers]
        for name, part in _parts(learner).items()
    }
    return config, shapes


def _variational(learner):
    """Returns for each network whether all its layers with weights are."""
    return {
        name: all(
            isinstance(layer, layers.VariationalLayer)
            for layer in part.layers
            if layer.weights
        )
        for name, part in _parts(learner).items()
    }


class MethodsTest(parameterized.TestCase):
    @parameterized.parameters(*method_cases.with_own_networks(_METHODS))
    def test_trains(self, name):
        method_cases.assert_trains(
            self,
            _build(name, inner_steps=1),
            _episodes(),
            regularized=name in _REGULARIZED,
        )

    @parameterized.parameters(*_GRADIENT_BASED)
    def test_the_inner_loop_leaves_all_encoders_but_mamls_alone(self, name):
        learner = _build(name)
        self.assertEqual(
            _layers_of(learner.adapted_weights()),
            _BASE_NETWORK | (_ENCODER if name.startswith("maml") else set()),
        )

    @parameterized.named_parameters(
        ("maml", "maml_weight_decay", _BASE_NETWORK | _ENCODER),
        ("control", "control_weight_decay", _ENCODER),
        ("none", "control", set()),
        ("kl", "mr_maml_w", set()),
    )
    def test_weight_decay(self, name, expected):
        learner = _build(name)
        optimizer = learner.optimizer
        optimizer.build(learner.trainable_variables)
        decayed = {
            variable.path
            for variable in learner.trainable_variables
            if optimizer.weight_decay and optimizer._use_weight_decay(variable)
        }
        self.assertEqual({path.split("/")[0] for path in decayed}, expected)

    @parameterized.parameters(
        ("maml", "control"),
        ("control", "mr_maml_w"),
        ("mr_maml_w_no_kl", "mr_maml_w"),
        ("cnp_control", "mr_cnp_w"),
        ("mr_cnp_w_no_kl", "mr_cnp_w"),
        ("cnp", "cnp_weight_decay"),
        ("cnp", "cnp_bayes_by_backprop"),
    )
    def test_compares_like_with_like(self, one, other):
        (one_config, one_shapes), (other_config, other_shapes) = (
            _describe(_build(name)) for name in (one, other)
        )
        self.assertEqual(one_shapes, other_shapes)
        if one != "maml":
            self.assertEqual(one_config, other_config)

    @parameterized.parameters(
        ("control", {"network": False}),
        ("cnp", {"encoder": False, "context": False, "decoder": False}),
        ("mr_cnp_w", {"encoder": True, "context": False, "decoder": False}),
        (
            "cnp_bayes_by_backprop",
            {"encoder": True, "context": True, "decoder": True},
        ),
    )
    def test_what_has_posteriors(self, name, expected):
        self.assertEqual(_variational(_build(name)), expected)

    def test_a_flag_for_some_methods_leaves_the_others(self):
        given = {"beta": 0.5, "weight_decay": 0.25, "inner_steps": 7}
        without = _METHODS["mr_maml_w_no_kl"].choose(given)
        self.assertNoCommonElements(without, ("beta", "weight_decay"))
        self.assertEqual(without["inner_steps"], 7)
        self.assertEqual(_METHODS["mr_maml_w"].choose(given)["beta"], 0.5)
        self.assertNotIn("inner_steps", _METHODS["cnp"].choose(given))


if __name__ == "__main__":
    absltest.main()

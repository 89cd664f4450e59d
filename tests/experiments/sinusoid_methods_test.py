"""Each method is the configuration that its name says, and trains."""

import keras
import numpy as np
from absl.testing import absltest, parameterized

from experiments import sinusoid_methods
from tfmeta import layers, tasks

_REGULARIZED = {"mr_maml_a", "mr_maml_w"}


def _build(name, **overrides):
    keras.utils.set_random_seed(0)
    method = sinusoid_methods.METHODS[name]
    return method.build_compiled(method.settings(**overrides), steps=10, seed=0)


def _layers_of(variables):
    return {variable.path.split("/")[0] for variable in variables}


class MethodsTest(parameterized.TestCase):
    @parameterized.parameters(*sinusoid_methods.METHODS)
    def test_trains(self, name):
        learner = _build(name)
        episodes = tasks.sample_sinusoids(shots=3, queries=4).batch(2)
        before = [v.numpy() for v in learner.trainable_variables]
        history = learner.fit(episodes, steps_per_epoch=3, verbose=0).history
        self.assertTrue(np.isfinite(history["loss"]).all())
        for variable, old in zip(
            learner.trainable_variables, before, strict=True
        ):
            self.assertTrue((variable.numpy() != old).any(), variable.path)
        self.assertEqual(
            history["regularization"][-1] > 0, name in _REGULARIZED
        )

    @parameterized.parameters(
        *(name for name in sinusoid_methods.METHODS if "cnp" not in name)
    )
    def test_the_inner_loop_adapts_the_base_network_alone(self, name):
        learner = _build(name)
        self.assertEqual(
            _layers_of(learner.adapted_weights()),
            {"hidden1", "hidden2", "head"},
        )
        has_encoder = "encoder1" in _layers_of(learner.trainable_variables)
        self.assertEqual(has_encoder, name not in ("maml", "maml_weight_decay"))
        optimizer = learner.optimizer
        optimizer.build(learner.trainable_variables)
        decayed = {
            layer
            for layer in _layers_of(
                variable
                for variable in learner.trainable_variables
                if optimizer.weight_decay
                and optimizer._use_weight_decay(variable)
            )
        }
        expected = {
            "maml_weight_decay": {"hidden1", "hidden2", "head"},
            "control_weight_decay": {"encoder1", "encoder2"},
        }
        self.assertEqual(decayed, expected.get(name, set()))

    def test_control_is_mr_maml_w_without_posterior(self):
        learners = [_build(name) for name in ("control", "mr_maml_w")]
        configs = [learner.get_config() for learner in learners]
        for config in configs:
            del config["network"], config["name"], config["posterior_draw"]
        self.assertEqual(*configs)
        shapes = [
            [layer.output.shape for layer in learner.network.layers]
            for learner in learners
        ]
        self.assertEqual(*shapes)
        for learner, expected in zip(learners, (False, True), strict=True):
            found = any(
                isinstance(layer, layers.VariationalLayer)
                for layer in learner.network.layers
            )
            self.assertEqual(found, expected)

    def test_a_flag_for_some_methods_leaves_the_others(self):
        said = {"beta": 0.5, "weight_decay": 0.25, "inner_steps": 7}
        control = sinusoid_methods.METHODS["control"].settings(**said)
        self.assertEqual(
            (control.beta, control.weight_decay, control.inner_steps),
            (None, None, 7),
        )
        ours = sinusoid_methods.METHODS["mr_maml_w"].settings(**said)
        self.assertEqual((ours.beta, ours.weight_decay), (0.5, None))


if __name__ == "__main__":
    absltest.main()

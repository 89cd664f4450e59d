"""Each method is the configuration that its name says, and trains."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.sinusoids import experiment
from tests.experiments import commands, method_cases
from tfmeta import layers, tasks

_METHODS = experiment.EXPERIMENT.methods
_CNPS = [name for name in _METHODS if "cnp" in name]
_MAMLS = [name for name in _METHODS if "cnp" not in name]
_REGULARIZED = {
    *("mr_maml_a", "mr_maml_w", "mr_cnp_a", "mr_cnp_w"),
    "cnp_bayes_by_backprop",
}


def setUpModule():
    # As the command: without XLA, whose compilation takes its time.
    tf.config.experimental.enable_op_determinism()


def _build(name, **given):
    return commands.build(experiment.EXPERIMENT, None, name, **given)


def _layers_of(variables):
    return {variable.path.split("/")[0] for variable in variables}


def _decayed_layers(learner):
    optimizer = learner.optimizer
    optimizer.build(learner.trainable_variables)
    return _layers_of(
        variable
        for variable in learner.trainable_variables
        if optimizer.weight_decay and optimizer._use_weight_decay(variable)
    )


class MethodsTest(parameterized.TestCase):
    @parameterized.parameters(*method_cases.with_own_networks(_METHODS))
    def test_trains(self, name):
        method_cases.assert_trains(
            self,
            _build(name, inner_steps=1),
            tasks.sample_sinusoids(shots=3, queries=4).batch(2),
            regularized=name in _REGULARIZED,
        )

    @parameterized.parameters(*_MAMLS)
    def test_the_inner_loop_adapts_the_base_network_alone(self, name):
        learner = _build(name)
        self.assertEqual(
            _layers_of(learner.adapted_weights()),
            {"hidden1", "hidden2", "head"},
        )
        has_encoder = "encoder1" in _layers_of(learner.trainable_variables)
        self.assertEqual(has_encoder, name not in ("maml", "maml_weight_decay"))
        expected = {
            "maml_weight_decay": {"hidden1", "hidden2", "head"},
            "control_weight_decay": {"encoder1", "encoder2"},
        }
        self.assertEqual(_decayed_layers(learner), expected.get(name, set()))

    @parameterized.parameters(*_CNPS)
    def test_the_networks_of_neural_processes(self, name):
        learner = _build(name)
        encoder, context, decoder = learner.network.parts.values()
        features = (
            21
            if name in ("cnp", "cnp_weight_decay", "cnp_bayes_by_backprop")
            else 5
        )
        for network, inputs, output in (
            (encoder, [21], features),
            (context, [features, 1], 10),
            (decoder, [features, 10], 1),
        ):
            self.assertEqual(
                [[i.shape[1] for i in network.inputs], network.output_shape[1]],
                [inputs, output],
            )
        self.assertEqual(decoder.get_layer("decoder_latent").units, 5)
        stochastic = {
            network.name
            for network in (encoder, context, decoder)
            for layer in network.layers
            if isinstance(
                layer, layers.VariationalLayer | layers.StochasticBottleneck
            )
        }
        expected = {
            "mr_cnp_a": {"encoder"},
            "mr_cnp_w": {"encoder"},
            "mr_cnp_w_no_noise": {"encoder"},
            "cnp_bayes_by_backprop": {"context", "decoder"},
        }
        self.assertEqual(stochastic, expected.get(name, set()))
        self.assertEqual(
            _decayed_layers(learner),
            _layers_of(learner.trainable_variables)
            if name.endswith("weight_decay")
            else set(),
        )

    @parameterized.parameters("mr_maml_w", "mr_cnp_w")
    def test_without_noise_the_price_is_an_l2_penalty(self, name):
        beta, prior_scale = 0.25, 0.3
        learner = _build(
            f"{name}_no_noise",
            inner_steps=1,
            beta=beta,
            prior_scale=prior_scale,
        )
        means = [
            variable
            for variable in learner.trainable_variables
            if variable.name == "kernel_posterior_loc"
        ]
        self.assertLen(means, 2)
        gradients = {
            id(variable): gradient
            for variable, gradient in zip(
                learner.trainable_variables,
                learner.common_gradients().gradients,
                strict=True,
            )
        }
        for mean in means:
            np.testing.assert_allclose(
                gradients[id(mean)],
                beta / prior_scale**2 * mean.numpy(),
                rtol=1e-5,
            )
        with self.subTest("support and query draw nothing that counts"):
            episodes = next(
                iter(tasks.sample_sinusoids(shots=3, queries=4).batch(2))
            )
            first, second = (
                learner.task_gradients(episodes).outputs.predictions
                for _ in range(2)
            )
            np.testing.assert_allclose(first, second, atol=1e-3)

    @parameterized.parameters(
        ("control", "mr_maml_w"), ("cnp_control", "mr_cnp_w")
    )
    def test_control_is_its_twin_without_posterior(self, control, twin):
        pair = [_build(name) for name in (control, twin)]
        for learner, expected in zip(pair, (False, True), strict=True):
            found = any(
                isinstance(layer, layers.VariationalLayer)
                for layer in learner.network._flatten_layers()
            )
            self.assertEqual(found, expected)
        self.assertEqual(
            *(
                {
                    layer.name: layer.output.shape
                    for layer in learner.network._flatten_layers()
                    if "/" not in layer.name and hasattr(layer, "units")
                }
                for learner in pair
            )
        )
        configs = [learner.get_config() for learner in pair]
        for config in configs:
            for name in ("network", "encoder", "context", "decoder", "name"):
                config.pop(name, None)
        self.assertEqual(*configs)

    def test_a_flag_for_some_methods_leaves_the_others(self):
        given = {"beta": 0.5, "weight_decay": 0.25, "inner_steps": 7}
        control = _METHODS["control"].choose(given)
        self.assertNotIn("beta", control)
        self.assertNotIn("weight_decay", control)
        self.assertEqual(control["inner_steps"], 7)
        ours = _METHODS["mr_maml_w"].choose(given)
        self.assertEqual(ours["beta"], 0.5)
        self.assertNotIn("weight_decay", ours)


if __name__ == "__main__":
    absltest.main()

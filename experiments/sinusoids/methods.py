"""The methods that the experiment on sinusoids compares."""

import keras

from experiments.regression import methods
from tfmeta import layers, networks
from tfmeta.tasks import sinusoid

# Yin et al. 2020, section 6.1, and their code.
_ENCODING_SIZE = 5
# Their inner loop in training is one step of 0.01, with which no method that
# has an encoder does as well on meta-validation tasks.
_MAML = {"inner_learning_rate": 0.02, "inner_steps": 5, "test_inner_steps": 100}
_ENCODER = _MAML | {"inner_learning_rate": 0.05, "inner_steps": 10}
# Their neural processes have the Gaussian log-likelihood, sigma 0.1, summed
# over targets: 500 times the mean squared error of 10 queries. So their beta of
# 5 (A) and 0.15 (W) would be 0.01 and 3e-4 here. Their prior is N(0, 1). A
# narrower one asks less of weights that say nothing, which need not become as
# noisy, and prices those that do more.
_POSTERIOR = {"initial_scale": 0.05, "prior_scale": 0.2}
# In their code sigma is the epsilon of float32: nothing is drawn, and the
# divergence is an L2 penalty, beta / (2 prior_scale^2) times the squared means.
_NO_NOISE = _POSTERIOR | {"initial_scale": 1e-6}


def _plain(settings, dense=keras.layers.Dense):
    del settings
    return [
        dense(100, activation="relu", name="encoder1"),
        dense(_ENCODING_SIZE, activation=None, name="encoder2"),
    ]


def _weights(settings):
    """Builds what meta-regularization on weights, (W), regularizes."""
    return _plain(settings, methods.dense_posterior(settings))


def _activations(settings):
    """Builds what meta-regularization on activations, (A), regularizes."""
    return [
        keras.layers.Dense(80, activation="relu", name="encoder1"),
        layers.StochasticBottleneck(
            _ENCODING_SIZE, divergence_weight=settings["beta"], name="encoder2"
        ),
    ]


def _maml(encoder=lambda settings: []):
    """Returns what builds MAML, whose inner loop leaves the encoder alone."""
    return methods.maml(
        lambda settings, problem: networks.mlp(
            sinusoid.INPUT_SIZE, 1, encoder=encoder(settings)
        ),
        adapted=("hidden*", "head"),
    )


def _cnp(encoder=lambda settings: [], **further):
    """Returns what builds a neural process.

    Without an encoder, its other networks read x itself.
    """

    def network(settings, problem):
        del problem
        inputs = keras.Input((sinusoid.INPUT_SIZE,), name="features")
        features = encoder(settings) or [keras.layers.Identity()]
        return keras.Sequential([inputs, *features], name="encoder")

    return methods.cnp(network, **further)


METHODS = methods.methods(
    {
        "maml": (_maml(), _MAML),
        "maml_weight_decay": (_maml(), _MAML | {"weight_decay": 0.3}),
        "mr_maml_a": (_maml(_activations), _ENCODER | {"beta": 1.0}),
        "mr_maml_w": (_maml(_weights), _ENCODER | _POSTERIOR | {"beta": 1e-3}),
        "mr_maml_w_no_noise": (
            _maml(_weights),
            _ENCODER | _NO_NOISE | {"beta": 2e-3},
        ),
        "control": (_maml(_plain), _ENCODER),
        "control_weight_decay": (
            _maml(_plain),
            _ENCODER | {"weight_decay": 1.0},
        ),
        "cnp": (_cnp(), {}),
        "cnp_weight_decay": (_cnp(), {"weight_decay": 3.0}),
        "cnp_bayes_by_backprop": (
            _cnp(dense=methods.dense_posterior),
            _POSTERIOR | {"beta": 1e-3},
        ),
        "mr_cnp_a": (_cnp(_activations), {"beta": 0.7}),
        "mr_cnp_w": (_cnp(_weights), _POSTERIOR | {"beta": 1e-3}),
        "mr_cnp_w_no_noise": (_cnp(_weights), _NO_NOISE | {"beta": 4e-3}),
        "cnp_control": (_cnp(_plain), {}),
        "cnp_control_weight_decay": (_cnp(_plain), {"weight_decay": 3.0}),
    }
)

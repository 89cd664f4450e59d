"""The methods that the experiment on sinusoids compares."""

import functools

import keras

from experiments import regression_methods
from tfmeta import layers, learners, networks
from tfmeta.tasks import sinusoid

# Yin et al. 2020, section 6.1, and their code.
_ENCODING_SIZE = 5
# Their inner loop in training is one step of 0.01, with which no method that
# has an encoder does as well on meta-validation tasks.
_MAML_DEFAULTS = {
    "inner_learning_rate": 0.02,
    "inner_steps": 5,
    "test_inner_steps": 100,
}
_ENCODER_DEFAULTS = {
    "inner_learning_rate": 0.05,
    "inner_steps": 10,
    "test_inner_steps": 100,
}
# Their neural processes have the Gaussian log-likelihood, sigma 0.1, summed
# over targets: 500 times the mean squared error of 10 queries. So their beta of
# 5 (A) and 0.15 (W) would be 0.01 and 3e-4 here.
_CNP_DEFAULTS = {"outer_learning_rate": 1e-3}
# Their prior is N(0, 1). A narrower one asks less of weights that say nothing,
# which need not become as noisy, and prices those that do more.
_POSTERIOR_DEFAULTS = {"initial_scale": 0.05, "prior_scale": 0.2}
# In their code sigma is the epsilon of float32: nothing is drawn, and the
# divergence is an L2 penalty, beta / (2 prior_scale^2) times the squared means.
_NO_NOISE_DEFAULTS = _POSTERIOR_DEFAULTS | {"initial_scale": 1e-6}
_BASE_NETWORK = ["hidden*", "head"]
# A draw for each task costs four times the time.
_POSTERIOR_DRAW = "meta_batch"


# From the settings to the constructor of dense layers with posteriors.
_variational = functools.partial(
    regression_methods.variational, layers.DenseReparameterization
)


def _no_encoder(settings):
    del settings
    return []


def _plain_encoder(settings, dense=keras.layers.Dense):
    del settings
    return [
        dense(100, activation="relu", name="encoder1"),
        dense(_ENCODING_SIZE, activation=None, name="encoder2"),
    ]


def _weights_encoder(settings):
    """Builds what meta-regularization on weights, (W), regularizes."""
    return _plain_encoder(settings, _variational(settings))


def _activations_encoder(settings):
    """Builds what meta-regularization on activations, (A), regularizes."""
    return [
        keras.layers.Dense(80, activation="relu", name="encoder1"),
        layers.StochasticBottleneck(
            _ENCODING_SIZE, divergence_weight=settings.beta, name="encoder2"
        ),
    ]


def _maml(encoder=_no_encoder):
    """Returns what builds MAML, whose inner loop leaves the encoder alone."""

    def build(settings, seed):
        return learners.MAML(
            networks.mlp(sinusoid.INPUT_SIZE, 1, encoder=encoder(settings)),
            adapted=_BASE_NETWORK,
            inner_learning_rate=settings.inner_learning_rate,
            inner_steps=settings.inner_steps,
            test_inner_steps=settings.test_inner_steps,
            posterior_draw=_POSTERIOR_DRAW,
            seed=seed,
        )

    return build


def _cnp(encoder=_no_encoder, dense=None):
    """Returns what builds a neural process.

    Args:
        encoder: from the settings to the encoder's layers; without any, the
            other networks read x itself.
        dense: from the settings to the constructor of those networks' layers.
    """

    def build(settings, seed):
        inputs = keras.Input((sinusoid.INPUT_SIZE,), name="features")
        features = encoder(settings) or [keras.layers.Identity()]
        return learners.CNP(
            *networks.neural_process(
                keras.Sequential([inputs, *features], name="encoder"),
                dense=dense(settings) if dense else keras.layers.Dense,
            ),
            posterior_draw=_POSTERIOR_DRAW,
            seed=seed,
        )

    return build


METHODS = {
    "maml": regression_methods.Method("MAML", _maml(), _MAML_DEFAULTS),
    "maml_weight_decay": regression_methods.Method(
        "MAML + weight decay", _maml(), _MAML_DEFAULTS | {"weight_decay": 0.3}
    ),
    "mr_maml_a": regression_methods.Method(
        "MR-MAML(A)",
        _maml(_activations_encoder),
        _ENCODER_DEFAULTS | {"beta": 1.0},
    ),
    "mr_maml_w": regression_methods.Method(
        "MR-MAML(W)",
        _maml(_weights_encoder),
        _ENCODER_DEFAULTS | _POSTERIOR_DEFAULTS | {"beta": 1e-3},
    ),
    "mr_maml_w_no_noise": regression_methods.Method(
        "MR-MAML(W), sigma near 0",
        _maml(_weights_encoder),
        _ENCODER_DEFAULTS | _NO_NOISE_DEFAULTS | {"beta": 2e-3},
    ),
    "control": regression_methods.Method(
        "control: W, no noise, no KL", _maml(_plain_encoder), _ENCODER_DEFAULTS
    ),
    "control_weight_decay": regression_methods.Method(
        "control + weight decay",
        _maml(_plain_encoder),
        _ENCODER_DEFAULTS | {"weight_decay": 1.0},
    ),
    "cnp": regression_methods.Method("CNP", _cnp(), _CNP_DEFAULTS),
    "cnp_weight_decay": regression_methods.Method(
        "CNP + weight decay", _cnp(), _CNP_DEFAULTS | {"weight_decay": 3.0}
    ),
    "cnp_bayes_by_backprop": regression_methods.Method(
        "CNP + Bayes by Backprop",
        _cnp(dense=_variational),
        _CNP_DEFAULTS | _POSTERIOR_DEFAULTS | {"beta": 1e-3},
    ),
    "mr_cnp_a": regression_methods.Method(
        "MR-CNP(A)",
        _cnp(_activations_encoder),
        _CNP_DEFAULTS | {"beta": 0.7},
    ),
    "mr_cnp_w": regression_methods.Method(
        "MR-CNP(W)",
        _cnp(_weights_encoder),
        _CNP_DEFAULTS | _POSTERIOR_DEFAULTS | {"beta": 1e-3},
    ),
    "mr_cnp_w_no_noise": regression_methods.Method(
        "MR-CNP(W), sigma near 0",
        _cnp(_weights_encoder),
        _CNP_DEFAULTS | _NO_NOISE_DEFAULTS | {"beta": 4e-3},
    ),
    "cnp_control": regression_methods.Method(
        "CNP control: W, no noise, no KL", _cnp(_plain_encoder), _CNP_DEFAULTS
    ),
    "cnp_control_weight_decay": regression_methods.Method(
        "CNP control + weight decay",
        _cnp(_plain_encoder),
        _CNP_DEFAULTS | {"weight_decay": 3.0},
    ),
}

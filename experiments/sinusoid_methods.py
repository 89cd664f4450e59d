"""The methods that the experiment on sinusoids compares."""

import functools

import keras

from experiments import regression_methods
from tfmeta import layers, learners, networks
from tfmeta.tasks import sinusoid

# Yin et al. 2020, section 6.1, and their code.
_ENCODING_SIZE = 5
_MAML_DEFAULTS = {
    "inner_learning_rate": 0.01,
    "inner_steps": 1,
    "test_inner_steps": 100,
}
_CONTROL_DEFAULTS = _MAML_DEFAULTS
_BASE_NETWORK = ["hidden*", "head"]


def _maml(settings, seed, *, encoder=(), posterior_draw="task"):
    """Builds MAML, whose inner loop leaves the encoder alone."""
    return learners.MAML(
        networks.mlp(sinusoid.INPUT_SIZE, 1, encoder=encoder),
        adapted=_BASE_NETWORK,
        inner_learning_rate=settings.inner_learning_rate,
        inner_steps=settings.inner_steps,
        test_inner_steps=settings.test_inner_steps,
        posterior_draw=posterior_draw,
        seed=seed,
    )


def _mr_maml_w(settings, seed):
    dense = functools.partial(
        layers.DenseReparameterization,
        kernel_posterior_fn=layers.MeanFieldNormal(
            loc_initializer="glorot_uniform",
            initial_scale=settings.initial_scale,
        ),
        kernel_prior_fn=layers.NormalPrior(settings.prior_scale),
        kernel_divergence_fn=layers.KLDivergence(weight=settings.beta),
    )
    return _maml(
        settings,
        seed,
        encoder=[
            dense(100, activation="relu", name="encoder1"),
            dense(_ENCODING_SIZE, name="encoder2"),
        ],
        # A draw for each task costs four times the time.
        posterior_draw="meta_batch",
    )


def _mr_maml_a(settings, seed):
    return _maml(
        settings,
        seed,
        encoder=[
            keras.layers.Dense(80, activation="relu", name="encoder1"),
            layers.StochasticBottleneck(
                _ENCODING_SIZE,
                divergence_weight=settings.beta,
                name="encoder2",
            ),
        ],
    )


def _control(settings, seed):
    return _maml(
        settings,
        seed,
        encoder=[
            keras.layers.Dense(100, activation="relu", name="encoder1"),
            keras.layers.Dense(_ENCODING_SIZE, name="encoder2"),
        ],
    )


METHODS = {
    "maml": regression_methods.Method("MAML", _maml, _MAML_DEFAULTS),
    "maml_weight_decay": regression_methods.Method(
        "MAML + weight decay", _maml, _MAML_DEFAULTS | {"weight_decay": 0.1}
    ),
    "mr_maml_a": regression_methods.Method(
        "MR-MAML(A)", _mr_maml_a, _CONTROL_DEFAULTS | {"beta": 1.0}
    ),
    "mr_maml_w": regression_methods.Method(
        "MR-MAML(W)",
        _mr_maml_w,
        _CONTROL_DEFAULTS
        | {"beta": 5e-5, "initial_scale": 0.05, "prior_scale": 1.0},
    ),
    "control": regression_methods.Method(
        "control: W, no noise, no KL", _control, _CONTROL_DEFAULTS
    ),
    "control_weight_decay": regression_methods.Method(
        "control + weight decay",
        _control,
        _CONTROL_DEFAULTS | {"weight_decay": 0.1},
    ),
}

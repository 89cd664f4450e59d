"""The methods that the experiment on pose prediction compares."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras

from experiments.regression import methods
from experiments.run import posteriors
from tfmeta import layers, networks

_Settings = methods.Values
# From the settings to what `networks.pose_encoder` is to be made of.
_Encoder = Callable[[_Settings], Mapping[str, Callable[..., keras.Layer]]]

# Yin et al. 2020, their code.
_CNP_SIZES = {"representation_size": 100, "latent_size": 64, "label_size": 16}
_CNP_CODE = 64
_MR_CNP_SIZES = {
    "representation_size": 200,
    "latent_size": 200,
    "label_size": 5,
}
_MR_CNP_CODE = 20

# Chosen on meta-validation objects, in runs of 1000 steps; weight decay was not
# searched.
_MAML = {
    "inner_learning_rate": 0.1,
    "inner_steps": 2,
    "test_inner_steps": 20,
    "outer_learning_rate": 5e-3,
}
_MR_MAML = _MAML | {"initial_scale": 0.03, "prior_scale": 1.0}
_CNP_CONTROL = {"outer_learning_rate": 3e-3}
_MR_CNP = _CNP_CONTROL | {"initial_scale": 0.005, "prior_scale": 1.0}


def _plain(settings):
    del settings
    return {}


def _weights(settings):
    """Builds what meta-regularization on weights, (W), regularizes."""
    return {
        "convolution": posteriors.variational(
            layers.Conv2DReparameterization, settings
        ),
        "dense": methods.dense_posterior(settings),
    }


def _activations(settings):
    """Builds what meta-regularization on activations, (A), regularizes."""
    return {
        "dense": functools.partial(
            layers.StochasticBottleneck, divergence_weight=settings["beta"]
        )
    }


def _input_shape(problem) -> tuple[int, int, int]:
    size = problem.values["image_size"]
    return size, size, 1


def _maml(
    encoder: _Encoder = _plain,
    adapted: str | tuple[str, ...] = ("block*", "head"),
) -> methods.Build:
    """Returns what builds MAML, all of whose forms have one network."""

    def network(settings, problem):
        return networks.pose_regressor(
            input_shape=_input_shape(problem),
            code_side=problem.values["code_side"],
            filters=problem.values["filters"],
            **encoder(settings),
        )

    return methods.maml(network, adapted)


def _cnp(
    encoder: _Encoder = _plain, code_size: int = _CNP_CODE, **further: Any
) -> methods.Build:
    """Returns what builds a neural process.

    Args:
        encoder: see `_Encoder`.
        code_size: features of an image.
        **further: see `methods.cnp`.
    """

    def network(settings, problem):
        return networks.pose_encoder(
            code_size, input_shape=_input_shape(problem), **encoder(settings)
        )

    return methods.cnp(network, **(_CNP_SIZES | further))


def _mr_cnp(encoder: _Encoder = _plain) -> methods.Build:
    return _cnp(encoder, _MR_CNP_CODE, **_MR_CNP_SIZES)


METHODS = methods.methods(
    {
        "maml": (_maml(adapted="*"), _MAML),
        "maml_weight_decay": (
            _maml(adapted="*"),
            _MAML | {"weight_decay": 1.0},
        ),
        "mr_maml_w": (_maml(_weights), _MR_MAML | {"beta": 1e-3}),
        "mr_maml_w_no_kl": (_maml(_weights), _MR_MAML),
        "mr_maml_a": (_maml(_activations), _MAML | {"beta": 0.01}),
        "control": (_maml(), _MAML),
        "control_weight_decay": (_maml(), _MAML | {"weight_decay": 1.0}),
        "cnp": (_cnp(), {}),
        "cnp_weight_decay": (_cnp(), {"weight_decay": 3.0}),
        "cnp_bayes_by_backprop": (
            _cnp(_weights, dense=methods.dense_posterior),
            _MR_CNP | {"beta": 1e-3},
        ),
        "mr_cnp_w": (_mr_cnp(_weights), _MR_CNP | {"beta": 1e-3}),
        "mr_cnp_w_no_kl": (_mr_cnp(_weights), _MR_CNP),
        "mr_cnp_a": (_cnp(_activations), {"beta": 0.01}),
        "cnp_control": (_mr_cnp(), _CNP_CONTROL),
        "cnp_control_weight_decay": (
            _mr_cnp(),
            _CNP_CONTROL | {"weight_decay": 3.0},
        ),
    }
)

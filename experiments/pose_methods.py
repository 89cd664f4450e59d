"""The methods that the experiment on pose prediction compares."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras

from experiments import regression_methods
from tfmeta import layers, learners, networks

_Settings = regression_methods.Settings
_Build = Callable[[_Settings, int], learners.Learner]
# From the settings to what `networks.pose_encoder` is to be made of.
_Encoder = Callable[[_Settings], Mapping[str, Callable[..., keras.Layer]]]

# Yin et al. 2020, their code.
_BASE_NETWORK = ("block*", "head")
_CNP_SIZES = {"representation_size": 100, "latent_size": 64, "label_size": 16}
_CNP_CODE = 64
_MR_CNP_SIZES = {
    "representation_size": 200,
    "latent_size": 200,
    "label_size": 5,
}
_MR_CNP_CODE = 20
# As the paper's code draws.
_POSTERIOR_DRAW = "meta_batch"

# Chosen on meta-validation objects, in runs of 1000 steps; weight decay was not
# searched.
_MAML_DEFAULTS = {
    "inner_learning_rate": 0.1,
    "inner_steps": 2,
    "test_inner_steps": 20,
    "outer_learning_rate": 5e-3,
}
_MR_MAML_DEFAULTS = _MAML_DEFAULTS | {
    "initial_scale": 0.03,
    "prior_scale": 1.0,
}
_CNP_DEFAULTS = {"outer_learning_rate": 1e-3}
_CNP_CONTROL_DEFAULTS = {"outer_learning_rate": 3e-3}
_MR_CNP_DEFAULTS = _CNP_CONTROL_DEFAULTS | {
    "initial_scale": 0.005,
    "prior_scale": 1.0,
}


def methods(
    *, image_size: int = 64, code_side: int = 7, filters: int = 32
) -> dict[str, regression_methods.Method]:
    """Returns the rows of the table, by their names.

    Args:
        image_size: height and width of the images.
        code_side: those of the code that gradient-based learners adapt on.
        filters: channels of each block that gradient-based learners adapt.
    """
    input_shape = (image_size, image_size, 1)
    maml = functools.partial(
        _maml, input_shape=input_shape, code_side=code_side, filters=filters
    )
    control = functools.partial(maml, adapted=_BASE_NETWORK)
    cnp = functools.partial(_cnp, input_shape=input_shape)
    mr_cnp = functools.partial(cnp, code_size=_MR_CNP_CODE, sizes=_MR_CNP_SIZES)
    return {
        name: regression_methods.Method(title, build, defaults)
        for name, title, build, defaults in (
            ("maml", "MAML", maml(), _MAML_DEFAULTS),
            (
                "maml_weight_decay",
                "MAML + weight decay",
                maml(),
                _MAML_DEFAULTS | {"weight_decay": 1.0},
            ),
            (
                "mr_maml_w",
                "MR-MAML(W)",
                control(_weights),
                _MR_MAML_DEFAULTS | {"beta": 1e-3},
            ),
            (
                "mr_maml_w_no_kl",
                "MR-MAML(W), beta 0",
                control(_weights),
                _MR_MAML_DEFAULTS,
            ),
            (
                "mr_maml_a",
                "MR-MAML(A)",
                control(_activations),
                _MAML_DEFAULTS | {"beta": 0.01},
            ),
            (
                "control",
                "control: W, no noise, no KL",
                control(),
                _MAML_DEFAULTS,
            ),
            (
                "control_weight_decay",
                "control + weight decay",
                control(),
                _MAML_DEFAULTS | {"weight_decay": 1.0},
            ),
            ("cnp", "CNP", cnp(), _CNP_DEFAULTS),
            (
                "cnp_weight_decay",
                "CNP + weight decay",
                cnp(),
                _CNP_DEFAULTS | {"weight_decay": 3.0},
            ),
            (
                "cnp_bayes_by_backprop",
                "CNP + Bayes by Backprop",
                cnp(_weights, dense=_dense_posterior),
                _MR_CNP_DEFAULTS | {"beta": 1e-3},
            ),
            (
                "mr_cnp_w",
                "MR-CNP(W)",
                mr_cnp(_weights),
                _MR_CNP_DEFAULTS | {"beta": 1e-3},
            ),
            (
                "mr_cnp_w_no_kl",
                "MR-CNP(W), beta 0",
                mr_cnp(_weights),
                _MR_CNP_DEFAULTS,
            ),
            (
                "mr_cnp_a",
                "MR-CNP(A)",
                cnp(_activations),
                _CNP_DEFAULTS | {"beta": 0.01},
            ),
            (
                "cnp_control",
                "CNP control: W, no noise, no KL",
                mr_cnp(),
                _CNP_CONTROL_DEFAULTS,
            ),
            (
                "cnp_control_weight_decay",
                "CNP control + weight decay",
                mr_cnp(),
                _CNP_CONTROL_DEFAULTS | {"weight_decay": 3.0},
            ),
        )
    }


def _plain(settings):
    del settings
    return {}


def _weights(settings):
    """Builds what meta-regularization on weights, (W), regularizes."""
    return {
        "convolution": regression_methods.variational(
            layers.Conv2DReparameterization, settings
        ),
        "dense": _dense_posterior(settings),
    }


def _activations(settings):
    """Builds what meta-regularization on activations, (A), regularizes."""
    return {
        "dense": functools.partial(
            layers.StochasticBottleneck, divergence_weight=settings.beta
        )
    }


def _dense_posterior(settings):
    return regression_methods.variational(
        layers.DenseReparameterization, settings
    )


def _dense(settings):
    del settings
    return keras.layers.Dense


def _maml(
    encoder: _Encoder = _plain,
    *,
    adapted: str | tuple[str, ...] = "*",
    input_shape: tuple[int, int, int],
    code_side: int,
    filters: int,
) -> _Build:
    """Returns what builds MAML, all of whose forms have one network."""

    def build(settings, seed):
        return learners.MAML(
            networks.pose_regressor(
                input_shape=input_shape,
                code_side=code_side,
                filters=filters,
                **encoder(settings),
            ),
            adapted=adapted,
            inner_learning_rate=settings.inner_learning_rate,
            inner_steps=settings.inner_steps,
            test_inner_steps=settings.test_inner_steps,
            posterior_draw=_POSTERIOR_DRAW,
            seed=seed,
        )

    return build


def _cnp(
    encoder: _Encoder = _plain,
    *,
    input_shape: tuple[int, int, int],
    code_size: int = _CNP_CODE,
    sizes: Mapping[str, Any] = _CNP_SIZES,
    dense: Callable[[_Settings], Callable[..., keras.Layer]] = _dense,
) -> _Build:
    """Returns what builds a neural process.

    Args:
        encoder: see `_Encoder`.
        input_shape: of an image.
        code_size: features of an image.
        sizes: of the other networks, see `networks.neural_process`.
        dense: from the settings to the constructor of their layers.
    """

    def build(settings, seed):
        return learners.CNP(
            *networks.neural_process(
                networks.pose_encoder(
                    code_size, input_shape=input_shape, **encoder(settings)
                ),
                dense=dense(settings),
                **sizes,
            ),
            posterior_draw=_POSTERIOR_DRAW,
            seed=seed,
        )

    return build

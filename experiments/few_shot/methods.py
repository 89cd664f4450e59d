"""The methods that the experiment on non-exclusive tasks compares."""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import keras

from experiments.run import contract, posteriors
from tfmeta import layers, learners, networks, optimizers, regularizers

# Activations of the stochastic bottleneck (A).
_BOTTLENECK_UNITS = 64
_COMMON = {"outer_schedule": "cosine", "filters": 64}


def _inner_loop(rate: float, steps: int) -> dict[str, Any]:
    return {
        "inner_learning_rate": rate,
        "inner_steps": steps,
        "test_inner_steps": lambda settings: 2 * settings["inner_steps"],
    }


# At a small inner learning rate MAML memorizes; at larger ones it does so less.
_MAML = _COMMON | _inner_loop(0.01, 1) | {"outer_learning_rate": 3e-3}
# The meta-regularized methods, and the controls that share their settings.
_REGULARIZED = _COMMON | _inner_loop(0.1, 5) | {"outer_learning_rate": 1e-2}
# Methods whose networks adapt by themselves.
_AMORTIZED = _COMMON | {"outer_learning_rate": 1e-3}
_POSTERIOR = {"beta": 1e-5, "initial_scale": 0.05}

_Settings = contract.Values


class Tasks(Protocol):
    """What networks have to know of the tasks."""

    @property
    def ways(self) -> int:
        """Classes in a task."""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """`(height, width, channels)` of an image."""


def _conv4(
    settings: _Settings, problem: Tasks, **layers_given: Any
) -> keras.Model:
    return networks.conv4(
        problem.ways,
        input_shape=problem.image_shape,
        filters=settings["filters"],
        **layers_given,
    )


def _encoder(
    settings: _Settings, problem: Tasks, **layers_given: Any
) -> keras.Model:
    """Makes conv4 without its head."""
    network = _conv4(settings, problem, **layers_given)
    return keras.Model(
        network.inputs, network.layers[-2].output, name="encoder"
    )


def _variational_convolution(
    settings: _Settings, prior: Callable[..., Any] | None = None
) -> dict[str, Callable[..., keras.Layer]]:
    """Returns what makes an encoder that of (W)."""
    return {
        "convolution": functools.partial(
            posteriors.variational(
                layers.Conv2DReparameterization, settings, prior
            ),
            # Normalization would cancel it.
            bias_posterior_fn=None,
        )
    }


def _bottleneck(settings: _Settings) -> dict[str, keras.Layer]:
    """Returns what makes an encoder that of (A)."""
    return {
        "bottleneck": layers.StochasticBottleneck(
            _BOTTLENECK_UNITS, divergence_weight=settings["beta"]
        )
    }


def _maml(
    settings: _Settings,
    problem: Tasks,
    seed: int,
    *,
    adapted: str = "*",
    posterior_draw: str = "task",
    learner: Callable[..., learners.MAML] = learners.MAML,
    **layers_given: Any,
) -> learners.MAML:
    regularizer = None
    if settings.get("taml_weight"):
        regularizer = regularizers.TAMLEntropy(settings["taml_weight"])
    return learner(
        _conv4(settings, problem, **layers_given),
        adapted=adapted,
        inner_learning_rate=settings["inner_learning_rate"],
        inner_steps=settings["inner_steps"],
        test_inner_steps=settings["test_inner_steps"],
        posterior_draw=posterior_draw,
        task_regularizer=regularizer,
        seed=seed,
    )


def _mr_maml_w(settings, problem, seed, *, prior=None):
    return _maml(
        settings,
        problem,
        seed,
        adapted="head",
        posterior_draw=posteriors.DRAW,
        **_variational_convolution(settings, prior),
    )


def _mr_maml_a(settings, problem, seed):
    return _maml(
        settings, problem, seed, adapted="head", **_bottleneck(settings)
    )


def _llama(settings, problem, seed):
    return _maml(
        settings,
        problem,
        seed,
        # The curvature of all weights would be too large.
        adapted="head",
        learner=functools.partial(
            learners.LLAMA,
            prior_precision=settings["prior_precision"],
            curvature_weight=settings["curvature_weight"],
            test_draws=settings["test_draws"],
        ),
    )


def _versa(settings, problem, seed):
    encoder = _encoder(settings, problem)
    return learners.VERSA(
        encoder,
        networks.amortized_head(
            encoder.outputs[0].shape[-1],
            initial_scale=settings["initial_scale"],
        ),
        ways=problem.ways,
        seed=seed,
    )


def _cnp(settings, problem, seed, *, posterior_draw="task", **layers_given):
    return learners.CNP(
        *networks.class_neural_process(
            _encoder(settings, problem, **layers_given), problem.ways
        ),
        posterior_draw=posterior_draw,
        seed=seed,
    )


def _mr_cnp_w(settings, problem, seed):
    return _cnp(
        settings,
        problem,
        seed,
        posterior_draw=posteriors.DRAW,
        **_variational_convolution(settings),
    )


def _mr_cnp_a(settings, problem, seed):
    return _cnp(settings, problem, seed, **_bottleneck(settings))


def _recurrent(
    settings,
    problem,
    seed,
    *,
    cell: Callable[[_Settings], keras.Layer] = lambda settings: (
        keras.layers.LSTMCell(settings["cell_units"])
    ),
):
    return learners.RecurrentLearner(
        *networks.recurrent_networks(
            _encoder(settings, problem), cell(settings), problem.ways
        ),
        seed=seed,
    )


_mann = functools.partial(
    _recurrent,
    cell=lambda settings: layers.MemoryAugmentedCell(
        settings["cell_units"], slots=settings["memory_slots"]
    ),
)
_head_only = functools.partial(_maml, adapted="head")

METHODS = {
    "maml": contract.Method("MAML", _maml, _MAML),
    "maml_weight_decay": contract.Method(
        "MAML + weight decay", _maml, _MAML | {"weight_decay": 0.1}
    ),
    "anil": contract.Method("ANIL", _head_only, _MAML),
    "taml": contract.Method("TAML", _maml, _MAML | {"taml_weight": 0.1}),
    "mr_maml_w": contract.Method(
        "MR-MAML(W)", _mr_maml_w, _REGULARIZED | _POSTERIOR
    ),
    "mr_maml_w_learned_prior": contract.Method(
        "MR-MAML(W), learned prior scale",
        functools.partial(_mr_maml_w, prior=layers.LearnedNormalPrior()),
        _REGULARIZED | _POSTERIOR,
    ),
    "mr_maml_a": contract.Method(
        "MR-MAML(A)", _mr_maml_a, _REGULARIZED | {"beta": 1e-3}
    ),
    "control": contract.Method(
        "control: W, no noise, no KL", _head_only, _REGULARIZED
    ),
    "control_weight_decay": contract.Method(
        "control + weight decay",
        _head_only,
        _REGULARIZED | {"weight_decay": 0.1},
    ),
    "llama": contract.Method(
        "LLAMA",
        _llama,
        _REGULARIZED
        | {
            "prior_precision": 1.0,
            "curvature_weight": 1e-4,
            "test_draws": 0,
        },
    ),
    "versa": contract.Method(
        "VERSA",
        _versa,
        _AMORTIZED | {"outer_learning_rate": 3e-3, "initial_scale": 0.05},
    ),
    "cnp": contract.Method("CNP", _cnp, _AMORTIZED),
    "mr_cnp_w": contract.Method(
        "MR-CNP(W)", _mr_cnp_w, _AMORTIZED | _POSTERIOR
    ),
    "mr_cnp_a": contract.Method(
        "MR-CNP(A)", _mr_cnp_a, _AMORTIZED | {"beta": 1e-3}
    ),
    "recurrent": contract.Method(
        "LSTM", _recurrent, _AMORTIZED | {"cell_units": 200}
    ),
    "mann": contract.Method(
        "MANN", _mann, _AMORTIZED | {"cell_units": 200, "memory_slots": 128}
    ),
    "maml_pcgrad": contract.Method(
        "MAML + PCGrad", _maml, _MAML, optimizers.PCGrad
    ),
    "control_pcgrad": contract.Method(
        "control + PCGrad", _head_only, _REGULARIZED, optimizers.PCGrad
    ),
}

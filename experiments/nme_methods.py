"""The methods that the experiment on non-exclusive tasks compares."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from experiments import method_settings
from tfmeta import layers, learners, networks, optimizers, regularizers

# At a small inner learning rate MAML memorizes; at larger ones it does so less.
_MAML_DEFAULTS = {
    "inner_learning_rate": 0.01,
    "inner_steps": 1,
    "outer_learning_rate": 3e-3,
}
# The meta-regularized methods, and the controls that share their settings.
_REGULARIZED_DEFAULTS = {
    "inner_learning_rate": 0.1,
    "inner_steps": 5,
    "outer_learning_rate": 1e-2,
}
# Methods whose networks adapt by themselves; flags for the loop leave them so.
_NO_INNER_LOOP = {
    "inner_learning_rate": 0.0,
    "inner_steps": 0,
    "test_inner_steps": 0,
}
_FIXED_PRIOR = layers.NormalPrior()
# What only some methods have: a flag for these leaves the others as they are.
_OPTIONAL = {
    "beta",
    "bottleneck_units",
    "cell_units",
    "curvature_weight",
    "initial_scale",
    "memory_slots",
    "prior_precision",
    "taml_weight",
    "weight_decay",
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Hyperparameters of one method.

    Attributes:
        inner_learning_rate: alpha of the inner loop; 0 if there is none.
        inner_steps: gradient steps of the inner loop, in training.
        test_inner_steps: the same at test.
        outer_learning_rate: learning rate of Adam in the outer loop, at the
            start.
        outer_schedule: of that rate, see `method_settings.outer_optimizer`.
        weight_decay: likewise.
        beta: weight of the KL divergence, summed over weights (W), averaged
            over activations (A).
        initial_scale: standard deviation at the start, of q(theta) (W) or of
            VERSA's q(psi).
        bottleneck_units: activations of the stochastic bottleneck (A).
        taml_weight: lambda of TAML's entropy reduction.
        prior_precision: tau of LLAMA.
        curvature_weight: eta of LLAMA.
        cell_units: of the LSTM that reads the support set, or of the controller
            of the memory.
        memory_slots: of the memory-augmented network.
        filters: channels of each convolution.
    """

    inner_learning_rate: float = 0.01
    inner_steps: int = 1
    test_inner_steps: int = 1
    outer_learning_rate: float = 1e-3
    outer_schedule: str = "cosine"
    weight_decay: float = 0.0
    beta: float = 0.0
    initial_scale: float = 0.05
    bottleneck_units: int = 64
    taml_weight: float = 0.0
    prior_precision: float = 0.0
    curvature_weight: float = 0.0
    cell_units: int = 0
    memory_slots: int = 0
    filters: int = 64


@dataclasses.dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        title: what it is, in a few words.
        build: `(settings, ways, image_shape, seed)` to an uncompiled learner.
        defaults: its settings, where they differ from those of `Settings` or
            are of this method alone.
        aggregator: the class of the optimizer that combines the gradients of a
            meta-batch's tasks; if None, the outer loop takes their mean.
    """

    title: str
    build: Callable[[Settings, int, tuple[int, ...], int], learners.Learner]
    defaults: dict[str, Any]
    aggregator: type[optimizers.TaskGradientOptimizer] | None = None

    @property
    def has_inner_loop(self) -> bool:
        """Whether it adapts by gradient steps."""
        return self.defaults["inner_steps"] > 0

    def settings(self, **overrides: Any) -> Settings:
        """Returns the defaults under what the user said; None says nothing."""
        if not self.has_inner_loop:
            overrides |= _NO_INNER_LOOP
        chosen = method_settings.override(
            self.defaults, overrides, optional=_OPTIONAL
        )
        chosen.setdefault("test_inner_steps", 2 * chosen["inner_steps"])
        return Settings(**chosen)


def compile_learner(
    learner: learners.Learner,
    settings: Settings,
    *,
    steps: int,
    aggregator: type[optimizers.TaskGradientOptimizer] | None = None,
    seed: int = 0,
) -> None:
    """Compiles a learner for classification.

    Args:
        learner: what to compile.
        settings: the outer loop's.
        steps: outer steps of the whole run, over which the rate falls.
        aggregator: see `Method`.
        seed: fixes the aggregator's own draws.
    """
    optimizer = method_settings.outer_optimizer(
        learner,
        learning_rate=settings.outer_learning_rate,
        schedule=settings.outer_schedule,
        weight_decay=settings.weight_decay,
        steps=steps,
    )
    if aggregator is not None:
        # The mean, since a meta-batch is a sample of tasks.
        optimizer = aggregator(optimizer, reduction="mean", seed=seed)
    learner.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def _maml(
    settings: Settings,
    ways: int,
    image_shape: tuple[int, ...],
    seed: int,
    *,
    adapted: str = "*",
    convolution: Callable[..., keras.Layer] | None = None,
    bottleneck: keras.Layer | None = None,
    posterior_draw: str = "task",
    learner: Callable[..., learners.MAML] = learners.MAML,
) -> learners.MAML:
    network = networks.conv4(
        ways,
        input_shape=image_shape,
        filters=settings.filters,
        bottleneck=bottleneck,
        **({} if convolution is None else {"convolution": convolution}),
    )
    regularizer = None
    if settings.taml_weight:
        regularizer = regularizers.TAMLEntropy(settings.taml_weight)
    return learner(
        network,
        adapted=adapted,
        inner_learning_rate=settings.inner_learning_rate,
        inner_steps=settings.inner_steps,
        test_inner_steps=settings.test_inner_steps,
        posterior_draw=posterior_draw,
        task_regularizer=regularizer,
        seed=seed,
    )


def _mr_maml_w(settings, ways, image_shape, seed, *, prior=_FIXED_PRIOR):
    convolution = functools.partial(
        layers.Conv2DReparameterization,
        kernel_posterior_fn=layers.MeanFieldNormal(
            loc_initializer="glorot_uniform",
            initial_scale=settings.initial_scale,
        ),
        kernel_prior_fn=prior,
        kernel_divergence_fn=layers.KLDivergence(weight=settings.beta),
        bias_posterior_fn=None,
    )
    return _maml(
        settings,
        ways,
        image_shape,
        seed,
        adapted="head",
        convolution=convolution,
        # As the paper's code draws; a draw for each task costs more time.
        posterior_draw="meta_batch",
    )


def _mr_maml_a(settings, ways, image_shape, seed):
    bottleneck = layers.StochasticBottleneck(
        settings.bottleneck_units, divergence_weight=settings.beta
    )
    return _maml(
        settings,
        ways,
        image_shape,
        seed,
        adapted="head",
        bottleneck=bottleneck,
    )


def _llama(settings, ways, image_shape, seed):
    return _maml(
        settings,
        ways,
        image_shape,
        seed,
        # The curvature of all weights would be too large.
        adapted="head",
        learner=functools.partial(
            learners.LLAMA,
            prior_precision=settings.prior_precision,
            curvature_weight=settings.curvature_weight,
        ),
    )


def _encoder(settings, ways, image_shape) -> keras.Model:
    """Makes conv4 without its head."""
    network = networks.conv4(
        ways, input_shape=image_shape, filters=settings.filters
    )
    return keras.Model(
        network.inputs, network.get_layer("flatten").output, name="encoder"
    )


def _versa(settings, ways, image_shape, seed):
    encoder = _encoder(settings, ways, image_shape)
    return learners.VERSA(
        encoder,
        networks.amortized_head(
            encoder.outputs[0].shape[-1], initial_scale=settings.initial_scale
        ),
        ways=ways,
        seed=seed,
    )


def _cnp(settings, ways, image_shape, seed):
    return learners.CNP(
        *networks.neural_process(
            _encoder(settings, ways, image_shape),
            ways,
            representation_size=256,
            latent_size=256,
            hidden=(256,),
        ),
        seed=seed,
    )


def _recurrent(
    settings,
    ways,
    image_shape,
    seed,
    *,
    cell: Callable[[Settings], keras.Layer] = lambda settings: (
        keras.layers.LSTMCell(settings.cell_units)
    ),
):
    return learners.RecurrentLearner(
        *networks.recurrent_networks(
            _encoder(settings, ways, image_shape), cell(settings), ways
        ),
        seed=seed,
    )


_mann = functools.partial(
    _recurrent,
    cell=lambda settings: layers.MemoryAugmentedCell(
        settings.cell_units, slots=settings.memory_slots
    ),
)
_head_only = functools.partial(_maml, adapted="head")

METHODS = {
    "maml": Method("MAML", _maml, _MAML_DEFAULTS),
    "maml_weight_decay": Method(
        "MAML + weight decay", _maml, _MAML_DEFAULTS | {"weight_decay": 0.1}
    ),
    "anil": Method("ANIL", _head_only, _MAML_DEFAULTS),
    "taml": Method("TAML", _maml, _MAML_DEFAULTS | {"taml_weight": 0.1}),
    "mr_maml_w": Method(
        "MR-MAML(W)",
        _mr_maml_w,
        _REGULARIZED_DEFAULTS | {"beta": 1e-5, "initial_scale": 0.05},
    ),
    "mr_maml_w_learned_prior": Method(
        "MR-MAML(W), learned prior scale",
        functools.partial(_mr_maml_w, prior=layers.LearnedNormalPrior()),
        _REGULARIZED_DEFAULTS | {"beta": 1e-5, "initial_scale": 0.05},
    ),
    "mr_maml_a": Method(
        "MR-MAML(A)", _mr_maml_a, _REGULARIZED_DEFAULTS | {"beta": 1e-3}
    ),
    "control": Method(
        "control: W, no noise, no KL", _head_only, _REGULARIZED_DEFAULTS
    ),
    "control_weight_decay": Method(
        "control + weight decay",
        _head_only,
        _REGULARIZED_DEFAULTS | {"weight_decay": 0.1},
    ),
    "llama": Method(
        "LLAMA",
        _llama,
        _REGULARIZED_DEFAULTS
        | {"prior_precision": 1.0, "curvature_weight": 1e-4},
    ),
    "versa": Method(
        "VERSA",
        _versa,
        _NO_INNER_LOOP | {"outer_learning_rate": 3e-3, "initial_scale": 0.05},
    ),
    "cnp": Method("CNP", _cnp, _NO_INNER_LOOP | {"outer_learning_rate": 1e-3}),
    "recurrent": Method(
        "LSTM",
        _recurrent,
        _NO_INNER_LOOP | {"outer_learning_rate": 1e-3, "cell_units": 200},
    ),
    "mann": Method(
        "MANN",
        _mann,
        _NO_INNER_LOOP
        | {
            "outer_learning_rate": 1e-3,
            "cell_units": 200,
            "memory_slots": 128,
        },
    ),
    "maml_pcgrad": Method(
        "MAML + PCGrad", _maml, _MAML_DEFAULTS, optimizers.PCGrad
    ),
    "control_pcgrad": Method(
        "control + PCGrad",
        _head_only,
        _REGULARIZED_DEFAULTS,
        optimizers.PCGrad,
    ),
}

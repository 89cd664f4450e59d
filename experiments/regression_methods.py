"""What a method of the experiments on regression tasks is."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from experiments import method_settings
from tfmeta import layers, learners

# What only some methods have: a flag for these leaves the others as they are.
_OPTIONAL = {
    "inner_learning_rate",
    "inner_steps",
    "test_inner_steps",
    "weight_decay",
    "beta",
    "initial_scale",
    "prior_scale",
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Hyperparameters of one method; None for those that it does not have.

    Attributes:
        outer_learning_rate: learning rate of Adam at the start.
        outer_schedule: of that rate, see `method_settings.outer_optimizer`.
        inner_learning_rate: alpha of the inner loop.
        inner_steps: gradient steps of the inner loop, in training.
        test_inner_steps: the same at test.
        weight_decay: see `method_settings.outer_optimizer`.
        beta: weight of the KL divergence, summed over weights (W), averaged
            over activations (A).
        initial_scale: standard deviation of q(theta) at the start.
        prior_scale: standard deviation of the prior p(theta).
    """

    outer_learning_rate: float = 1e-3
    outer_schedule: str = "cosine"
    inner_learning_rate: float | None = None
    inner_steps: int | None = None
    test_inner_steps: int | None = None
    weight_decay: float | None = None
    beta: float | None = None
    initial_scale: float | None = None
    prior_scale: float | None = None


@dataclasses.dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        title: what it is, in a few words.
        build: `(settings, seed)` to an uncompiled learner.
        defaults: its settings, where they differ from those of `Settings` or
            are of this method alone.
    """

    title: str
    build: Callable[[Settings, int], learners.Learner]
    defaults: dict[str, Any]

    def settings(self, **overrides: Any) -> Settings:
        """Returns the defaults under what the user said; None says nothing."""
        return Settings(
            **method_settings.override(
                self.defaults, overrides, optional=_OPTIONAL
            )
        )

    def build_compiled(
        self, settings: Settings, *, steps: int, seed: int
    ) -> learners.Learner:
        """Builds the learner and compiles it for the mean squared error.

        Args:
            settings: its hyperparameters.
            steps: outer steps of the whole run, over which the rate falls.
            seed: fixes the learner's own draws. The weights' are Keras'.
        """
        learner = self.build(settings, seed)
        learner.compile(
            method_settings.outer_optimizer(
                learner,
                learning_rate=settings.outer_learning_rate,
                schedule=settings.outer_schedule,
                weight_decay=settings.weight_decay or 0.0,
                steps=steps,
            ),
            keras.losses.MeanSquaredError(),
            metrics=["mse"],
        )
        return learner


def variational(
    layer: type[layers.VariationalLayer], settings: Settings
) -> Callable[..., layers.VariationalLayer]:
    """Returns the constructor of layers whose kernels have posteriors.

    Args:
        layer: their class.
        settings: what there is of `beta`, 0 without, `initial_scale` and
            `prior_scale`, 1 without.
    """
    return functools.partial(
        layer,
        kernel_posterior_fn=layers.MeanFieldNormal(
            loc_initializer="glorot_uniform",
            initial_scale=settings.initial_scale,
        ),
        kernel_prior_fn=layers.NormalPrior(settings.prior_scale or 1.0),
        kernel_divergence_fn=layers.KLDivergence(weight=settings.beta or 0.0),
    )

"""The methods that the experiment on tasks learned together compares."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras

from experiments import method_settings
from tfmeta import layers, multitask, networks, optimizers

OPTIMIZERS = ("adam", "sgd")
_MOMENTUM = 0.9  # Of SGD.
# What only some methods have: a flag for these leaves the others as they are.
_OPTIONAL = {"router_learning_rate"}
# At 0.05 a run of 1000 steps on CIFAR-100 stays at chance.
_ROUTING = {"router_learning_rate": 1.0}

_Weighting = multitask.weightings.Weighting


@dataclasses.dataclass(frozen=True)
class Settings:
    """Hyperparameters of one method.

    Attributes:
        optimizer: one of `OPTIMIZERS`; SGD has momentum 0.9.
        learning_rate: its rate at the start, from which it falls to zero as
            half a cosine over the run.
        router_learning_rate: of the policies of routing networks.
        filters: channels of each convolution.
        units: of each hidden fully connected layer.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    router_learning_rate: float = 0.05
    filters: int = 160
    units: tuple[int, ...] = (320, 320)


@dataclasses.dataclass(frozen=True)
class Tasks:
    """What a network has to know of the tasks."""

    names: Sequence[str]
    classes: int
    image_shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        title: what it is, in a few words.
        variant: what is shared, one of `tfmeta.networks.task_networks`.
        aggregator: the class of the optimizer that combines the gradients of
            the tasks; if None, the losses are summed.
        weighting: from a seed to what weights the losses; if None, nothing.
        defaults: its settings, where they differ from those of `Settings` or
            are of this method alone.
    """

    title: str
    variant: str
    aggregator: type[optimizers.TaskGradientOptimizer] | None = None
    weighting: Callable[[int], _Weighting] | None = None
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)

    def settings(self, **overrides: Any) -> Settings:
        """Returns the defaults under what the user said; None says nothing."""
        return Settings(
            **method_settings.override(
                self.defaults, overrides, optional=_OPTIONAL
            )
        )

    def build(
        self, settings: Settings, tasks: Tasks, *, steps: int, seed: int
    ) -> multitask.MultiTaskModel:
        """Builds and compiles the model of all tasks.

        Args:
            settings: its hyperparameters.
            tasks: what it is to learn.
            steps: of the whole run, over which the rate falls.
            seed: fixes the method's own draws. The weights' are Keras'.

        Returns:
            A model with metrics `<task>_accuracy`.
        """
        router = None
        if self.variant == "routing":
            router = layers.Router(
                tasks.names,
                depth=len(settings.units) + 1,
                blocks=len(tasks.names),
                learning_rate=settings.router_learning_rate,
                seed=seed,
                name="router",
            )
        joint = networks.join_tasks(
            networks.task_networks(
                self.variant,
                tasks.names,
                classes=tasks.classes,
                input_shape=tasks.image_shape,
                filters=settings.filters,
                units=settings.units,
                router=router,
            )
        )
        model = multitask.MultiTaskModel(joint.input, joint.output)
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, decay_steps=steps
        )
        optimizer = {
            "adam": keras.optimizers.Adam(rate),
            "sgd": keras.optimizers.SGD(rate, momentum=_MOMENTUM),
        }[settings.optimizer]
        if self.aggregator is not None:
            optimizer = self.aggregator(optimizer, seed=seed)
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics={task: ["accuracy"] for task in tasks.names},
            weighting=None if self.weighting is None else self.weighting(seed),
        )
        return model


def _random_loss_weighting(seed: int) -> _Weighting:
    return multitask.weightings.RandomLossWeighting(seed=seed)


def _unseeded(weighting: type[_Weighting]) -> Callable[[int], _Weighting]:
    return lambda seed: weighting()


# Yu et al. (2020) do surgery on a network with shared convolutions and fully
# connected layers of each task's own, which is all_fc. So all that works on the
# gradients or the losses of hard sharing does it here: one thing is compared.
_SHARING = {
    "independent": Method("independent", "independent"),
    "one_fc": Method("shared but the last fc", "one_fc"),
    "all_fc": Method("shared convolutions (all-fc)", "all_fc"),
    "cross_stitch": Method("cross-stitch", "cross_stitch"),
    "routing": Method("routing + WPL", "routing", defaults=_ROUTING),
    "pcgrad": Method("PCGrad", "all_fc", optimizers.PCGrad),
    "routing_pcgrad": Method(
        "routing + WPL + PCGrad",
        "routing",
        optimizers.PCGrad,
        defaults=_ROUTING,
    ),
}
_AGGREGATORS = {
    # The update of all_fc; but it records how much the tasks conflict.
    "sum": "sum, monitored",
    "pcgrad_direction": "PCGrad, direction only",
    "pcgrad_magnitude": "PCGrad, magnitude only",
    "mgda": "MGDA",
    "gradvac": "GradVac",
    "cagrad": "CAGrad",
    "imtl_g": "IMTL-G",
    "nash_mtl": "Nash-MTL",
    "aligned_mtl": "Aligned-MTL",
    "upgrad": "UPGrad",
}
_WEIGHTINGS = {
    "uncertainty": "uncertainty weights",
    "dwa": "DWA",
    "gradnorm": "GradNorm",
    "famo": "FAMO",
}

METHODS = {
    **_SHARING,
    **{
        name: Method(title, "all_fc", optimizers.AGGREGATORS[name])
        for name, title in _AGGREGATORS.items()
    },
    **{
        name: Method(
            title,
            "all_fc",
            weighting=_unseeded(multitask.weightings.WEIGHTINGS[name]),
        )
        for name, title in _WEIGHTINGS.items()
    },
    "rlw": Method("RLW", "all_fc", weighting=_random_loss_weighting),
}

"""The methods that the experiment on tasks learned together compares."""

import functools
from collections.abc import Callable

from experiments.multitask import data
from experiments.run import contract, surgery
from tfmeta import layers, multitask, networks, optimizers

OPTIMIZERS = ("adam", "sgd")
_DEFAULTS = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "filters": 160,
    "units": (320, 320),
}
# Of rates from 0.1 to 3 the best on validation images of CIFAR-100, for either
# kind of decision; at 0.05 a run of 1000 steps stays at chance.
_ROUTING = {"router_learning_rate": 1.0, "router_decides_for": "task"}

_Weighting = multitask.weightings.Weighting


def _build(
    settings: contract.Values, problem: data.Data, seed: int, *, variant: str
) -> multitask.MultiTaskModel:
    """Builds the model of all tasks.

    Args:
        settings: its hyperparameters.
        problem: the tasks.
        seed: fixes a router's own draws.
        variant: what is shared, one of `tfmeta.networks.task_networks`.
    """
    splits = problem.splits
    router = None
    if variant == "routing":
        router = layers.Router(
            splits.task_names,
            depth=len(settings["units"]) + 1,
            blocks=len(splits.task_names),
            learning_rate=settings["router_learning_rate"],
            decides_for=settings["router_decides_for"],
            seed=seed,
            name="router",
        )
    joint = networks.join_tasks(
        networks.task_networks(
            variant,
            splits.task_names,
            classes=problem.values["classes"],
            input_shape=splits.image_shape,
            filters=settings["filters"],
            units=settings["units"],
            router=router,
        )
    )
    return multitask.MultiTaskModel(joint.input, joint.output)


def _method(
    title: str,
    variant: str,
    aggregator: type[optimizers.TaskGradientOptimizer] | None = None,
    weighting: Callable[[int], _Weighting] | None = None,
) -> contract.Method:
    return contract.Method(
        title,
        functools.partial(_build, variant=variant),
        _DEFAULTS | (_ROUTING if variant == "routing" else {}),
        aggregator,
        weighting,
    )


def _random_loss_weighting(seed: int) -> _Weighting:
    return multitask.weightings.RandomLossWeighting(seed=seed)


def _unseeded(weighting: type[_Weighting]) -> Callable[[int], _Weighting]:
    return lambda seed: weighting()


# Yu et al. (2020) do surgery on a network with shared convolutions and fully
# connected layers of each task's own, which is all_fc. So all that works on the
# gradients or the losses of hard sharing does it here: one thing is compared.
_SHARING = {
    "independent": _method("independent", "independent"),
    "one_fc": _method("shared but the last fc", "one_fc"),
    "all_fc": _method("shared convolutions (all-fc)", "all_fc"),
    "cross_stitch": _method("cross-stitch", "cross_stitch"),
    "routing": _method("routing + WPL", "routing"),
    "pcgrad": _method("PCGrad", "all_fc", optimizers.PCGrad),
    "routing_pcgrad": _method(
        "routing + WPL + PCGrad",
        "routing",
        optimizers.PCGrad,
    ),
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
        name: _method(of.title, "all_fc", of.aggregator)
        for name, of in surgery.SURGERIES.items()
        if name not in _SHARING
    },
    **{
        name: _method(
            title,
            "all_fc",
            weighting=_unseeded(multitask.weightings.WEIGHTINGS[name]),
        )
        for name, title in _WEIGHTINGS.items()
    },
    "rlw": _method("RLW", "all_fc", weighting=_random_loss_weighting),
}

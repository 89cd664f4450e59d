"""What methods, tasks and settings are called in tables."""

from collections.abc import Mapping
from typing import Any

from experiments import (
    report_checks,
)
from experiments.few_shot import methods as nme_methods
from experiments.multitask import methods as multitask_methods
from experiments.poses import methods as pose_methods
from experiments.sinusoids import methods as sinusoid_methods

_METHODS: Mapping[str, Mapping[str, Any]] = {
    report_checks.CLASSIFICATION: nme_methods.METHODS,
    "sinusoid": sinusoid_methods.METHODS,
    "pose_prediction": pose_methods.METHODS,
    report_checks.MULTITASK: multitask_methods.METHODS,
}
_DATASETS = {
    "cad": "CAD models",
    "cad_as_modelled": "CAD models, a class facing one way",
    "cifar100": "CIFAR-100",
    "composed": "Composed objects",
    "composed_as_modelled": "Composed objects as composed",
    "glyphs": "Glyphs",
    "omniglot": "Omniglot",
}
_CONSTRUCTIONS = {
    "fixed_groups": "classes in fixed groups",
    "fixed_label_per_class": "one label per class",
    "mutually_exclusive": "labels at random",
}
_SETTINGS = {
    "inner_learning_rate": "inner rate",
    "test_inner_steps": "inner steps at test",
    "outer_learning_rate": "outer rate",
    "meta_batch_size": "tasks a step",
    "taml_weight": "lambda",
}


def of_methods(experiment: str) -> dict[str, str]:
    """Returns the title of each method: an experiment's, then all others'."""
    found: dict[str, str] = {}
    for methods in (_METHODS.get(experiment, {}), *_METHODS.values()):
        for name, method in methods.items():
            found.setdefault(name, method.title)
    return found


def of_method(name: str, experiment: str) -> str:
    """Returns a method's title, or its name if it is not known here."""
    return of_methods(experiment).get(name, name.replace("_", " "))


def of_tasks(setup: Mapping[str, Any], *, short: bool = False) -> str:
    """Returns what tasks are called.

    Args:
        setup: of a group, see `seed_groups.Group`.
        short: whether their size alone.
    """
    ways, shots = setup.get("ways"), setup.get("shots")
    size = " ".join(
        f"{number}-{name}"
        for number, name in ((ways, "way"), (shots, "shot"))
        if number is not None
    )
    if short and size:
        return size
    dataset, construction = setup.get("dataset"), setup.get("construction")
    parts = [
        _DATASETS.get(dataset, str(dataset)) if dataset else "",
        f"{setup['tasks']} tasks" if "tasks" in setup else "",
        size,
        _CONSTRUCTIONS.get(construction, str(construction))
        if construction
        else "",
    ]
    return ", ".join(filter(None, parts))


def of_setting(name: str) -> str:
    """Returns what a setting is called."""
    return _SETTINGS.get(name, name.replace("_", " "))


def value(setting: Any) -> str:
    """Returns a setting's value."""
    if isinstance(setting, list):
        return ", ".join(map(value, setting))
    if isinstance(setting, float):
        return f"{setting:g}"
    return "" if setting is None else str(setting)


def said(name: str, setting: Any) -> str:
    """Returns a setting as one says it: "8 tasks a step", "beta 1e-05"."""
    title = of_setting(name)
    if isinstance(setting, int) and not isinstance(setting, bool):
        return f"{setting} {title}"
    return f"{title} {value(setting)}"

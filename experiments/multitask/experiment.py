"""The description of the experiment on tasks learned together."""

import dataclasses
import pathlib
from collections.abc import Sequence

from experiments.figures import bars, conflicts, curves
from experiments.multitask import data, methods
from experiments.run import (
    contract,
    learner_tables,
    multitask,
    rows,
    settings,
)
from experiments.run import data as loading
from tfmeta import errors
from tfmeta.layers.sharing import routers
from tfmeta.tasks import sources
from tfmeta.tasks.images import task_splits

_DATASETS = {"glyphs": "Glyphs", "cifar100": "CIFAR-100"}
# Mirror images of letters are other letters.
_DEFAULT_AUGMENTATION = {"glyphs": "none", "cifar100": "crop_flip"}
# Yu et al. 2020, multi-task CIFAR-100; all but PCGrad's from Rosenbaum et al.
# 2018.
_PUBLISHED = tuple(
    contract.Published(
        method, {"dataset": "cifar100", "tasks": 20}, accuracy, split="test"
    )
    for method, accuracy in {
        "one_fc": 0.42,
        "all_fc": 0.49,
        "cross_stitch": 0.53,
        "routing": 0.747,
        "independent": 0.677,
        "pcgrad": 0.71,
        "routing_pcgrad": 0.775,
    }.items()
)
_PUBLISHED_NOTE = """\
The paper's figures (Yu et al. 2020) are not comparable: it gives neither batch
size, rate nor steps, and the code that it cites labels images by the remainder
by 5 of their fine class, which merges fine classes in every task."""
_CONFLICTS_NOTE = """\
conflicts: share of the pairs of tasks whose gradients of the shared weights had
a negative inner product, over all of training."""

_PROBLEM = (
    loading.dataset(sources.IMAGE_TASKS, "glyphs"),
    settings.integer(
        "tasks", None, "Only the first so many tasks; all.", least=2
    ),
)
_BUDGET = (
    settings.integer("steps", 150, "Training steps of each method."),
    settings.integer(
        "steps_per_epoch",
        30,
        "Steps between two checkpoints, validations and points of the curves.",
    ),
    settings.integer("batch_size", 8, "Images of each task in a step."),
    settings.choice(
        "augmentation",
        None,
        data.AUGMENTATIONS,
        "Of training images; by default crop_flip for cifar100, none for "
        "glyphs.",
    ),
    settings.choice(
        "precision",
        "float32",
        ("float32", "mixed_bfloat16"),
        "Of the arithmetic. In mixed_bfloat16 layers compute in bfloat16, "
        "twice as fast on processors that have it; weights, losses and what is "
        "done to the tasks' gradients stay in float32.",
    ),
)
_HYPERPARAMETERS = (
    settings.choice(
        "optimizer", None, methods.OPTIMIZERS, "The optimizer; adam."
    ),
    settings.number(
        "learning_rate",
        None,
        "Rate of the optimizer at the start, from which it falls to zero; "
        "0.001.",
    ),
    settings.number(
        "router_learning_rate",
        None,
        "Rate of routing networks' policies; 1.",
    ),
    settings.choice(
        "router_decides_for",
        None,
        routers.DECIDES_FOR,
        "What one decision of routing networks is for, in training: each "
        "example, or all examples of a task in a batch; task.",
    ),
    settings.integer("filters", None, "Channels of each convolution; 160."),
    settings.integers(
        "units", None, "Units of the hidden fully connected layers; 320,320."
    ),
)


def _load(values: contract.Values) -> data.Data:
    """Loads the images of the tasks.

    Raises:
        InputError: if there are not so many tasks, or no data.
    """
    name, count = values["dataset"], values["tasks"]
    splits = loading.load(sources.IMAGE_TASKS, values)
    names = splits.task_names
    if count is not None and count > len(names):
        raise errors.InputError(
            f"--tasks={count}: expected at most {len(names)}, the tasks of "
            f"{name}"
        )
    splits = splits.select(names[:count])
    first, *_ = splits.train.values()
    completed = {
        "tasks": len(splits.task_names),
        "classes": first.num_classes,
        "augmentation": values["augmentation"] or _DEFAULT_AUGMENTATION[name],
    }
    return data.Data(
        splits,
        {**values, **completed},
        f"{name}: {len(splits.task_names)} tasks of {first.num_classes} "
        f"classes, {len(first.images)} images of each to train on.",
    )


def _draw_cosines(run: contract.Run, file: pathlib.Path) -> None:
    for name, outcome in run.outcomes.items():
        if outcome["cosines"]:
            conflicts.draw_cosines(
                outcome["cosines"],
                run.problem.task_names,
                run.folder / name / file.name,
            )


def _notes(results: Sequence[rows.Row]) -> list[str]:
    if any("conflicting_pairs" in row["metrics"] for row in results):
        return [_CONFLICTS_NOTE]
    return []


def _page_notes(results: Sequence[rows.Row]) -> list[str]:
    """Returns what all lines of a table have in common, and the notes."""
    common = {
        f"{row['problem']['dataset']}, {row['problem']['tasks']} tasks, "
        f"{row['budget']['batch_size']} images of each in a batch, "
        f"augmentation {row['budget']['augmentation']}, "
        f"{row['budget']['precision']}, {row['settings']['optimizer']}, "
        f"{row['settings']['filters']} filters, "
        f"{' and '.join(map(str, row['settings']['units']))} units"
        for row in results
    }
    classes = {f"{100 / row['problem']['classes']:.1f}" for row in results}
    return [
        "Accuracy in %, mean ± standard deviation over seeds; chance is "
        f"{' or '.join(sorted(classes))}. {'; '.join(sorted(common))}. Commits "
        f"{rows.short_commits(results)}.",
        *_notes(results),
    ]


_METRICS = (
    learner_tables.ACCURACY,
    contract.Metric("loss", "sum of losses"),
    # Of so many pairs that a tenth of a percent is noise.
    dataclasses.replace(learner_tables.CONFLICTS, decimals=0, unit=" %"),
)
_TEST = ("test",)
_BY_TASK = contract.Column("by task", "accuracy/", show="range")
_CONFLICTS = contract.Column("conflicts", "conflicting_pairs", show="mean")

EXPERIMENT = contract.Experiment(
    name="multitask_cifar100",
    title="Several tasks, one network",
    lead=(
        "What the tasks share, and how their gradients are combined. "
        "Conflicts: the share of the pairs of tasks whose gradients of the "
        "shared weights had a negative inner product, over all of training."
    ),
    methods=methods.METHODS,
    chosen=("independent", "all_fc", "pcgrad"),
    problem=_PROBLEM,
    budget=_BUDGET,
    hyperparameters=_HYPERPARAMETERS,
    traits=(
        contract.Trait("dataset", titles=_DATASETS),
        contract.Trait("tasks", "{} tasks"),
        contract.Trait("classes", ""),
    ),
    load=_load,
    trainer=multitask.MultiTaskTrainer(),
    metrics=_METRICS,
    lines=(
        contract.Column("accuracy", "accuracy", show="seeds"),
        _BY_TASK,
        _CONFLICTS,
        contract.Column("paper", "accuracy", show="paper"),
    ),
    columns=(
        contract.Column("rate", "learning_rate", show="setting"),
        contract.Column(
            "router's rate", "router_learning_rate", show="setting"
        ),
        contract.Column("decides for", "router_decides_for", show="setting"),
        contract.Column("steps", "steps", show="setting"),
        contract.Column("validation", "accuracy", ("validation",)),
        contract.Column("test", "accuracy", _TEST, is_result=True),
        contract.Column("test, by seed", "accuracy", _TEST, "seeds"),
        _BY_TASK,
        _CONFLICTS,
        contract.Column("min", show="minutes"),
        contract.Column(
            "paper, not comparable", "accuracy", _TEST, show="paper"
        ),
    ),
    folder=lambda values: f"{values['dataset']}-seed{values['seed']}",
    splits=task_splits.SPLITS[1:],
    places=(loading.data_dir(sources.IMAGE_TASKS),),
    published=_PUBLISHED,
    published_note=_PUBLISHED_NOTE,
    chance=lambda problem: 1 / problem["classes"],
    notes=_notes,
    page_notes=_page_notes,
    pictures=(
        bars.picture(
            bars.Bar("validation", "accuracy", "validation", "#7fb2d9"),
            bars.Bar("test", "accuracy", "test (dots: tasks)", "#1f5f99"),
        ),
        curves.picture("training batches", "validation images"),
        conflicts.CONFLICTS,
        contract.Picture(
            "cosines", "Which tasks conflict with which", _draw_cosines
        ),
    ),
)

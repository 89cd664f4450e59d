r"""Does a meta-learner memorize? MAML and its kin on non-exclusive tasks.

Trains each method on few-shot classification tasks of which one function
solves all (non-mutually-exclusive tasks: every class bears the same label in
each), then asks how it does on tasks of new classes. A learner that memorized
reads the query alone: it is right before it has seen a support set, and with
another task's, and at chance on new classes (Yin et al. 2020, table 4).

    ./bazelw run //experiments:nme_classification
    ./bazelw run //experiments:nme_classification -- \
        --dataset=omniglot --data_dir=/data/tfds --methods=maml,mr_maml_w

A run that was stopped goes on when the same command is given again.
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

from experiments import (
    cli,
    conflict_plots,
    learner_training,
    method_settings,
    nme_methods,
    nme_report,
    nme_training,
    run_folder,
)
from tfmeta import tasks

_DATASETS = ("glyphs", "omniglot")

_DATASET = flags.DEFINE_enum(
    "dataset",
    "glyphs",
    _DATASETS,
    "glyphs: letters of many scripts, rendered here from matplotlib's fonts; "
    "omniglot: handwritten characters, through TensorFlow Datasets.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of TensorFlow Datasets (omniglot); its own default if not given. "
    "What is missing there is downloaded.",
)
_OMNIGLOT_SPLIT = flags.DEFINE_enum(
    "omniglot_split",
    "random",
    tasks.OMNIGLOT_SPLITS,
    "Which characters are for meta-training (omniglot): random: 1200 by the "
    "seed; vinyals: those of Matching Networks; background_evaluation: the "
    "data set's own.",
)
_ROTATIONS = flags.DEFINE_bool(
    "rotations",
    False,
    "Whether images turned by 90, 180 and 270 degrees are further classes "
    "(omniglot).",
)
_CONSTRUCTION = flags.DEFINE_enum(
    "construction",
    "fixed_label_per_class",
    tasks.CONSTRUCTIONS,
    "How meta-train tasks are made of classes. Meta-test tasks always take any "
    "new classes with random labels.",
)
_WAYS = flags.DEFINE_integer("ways", 20, "Classes in a task.", lower_bound=2)
_SHOTS = flags.DEFINE_integer(
    "shots", 1, "Support images of each class.", lower_bound=1
)
_QUERIES = flags.DEFINE_integer(
    "queries", 1, "Query images of each class.", lower_bound=1
)
_METHODS = flags.DEFINE_list(
    "methods",
    ["maml", "control", "mr_maml_w"],
    f"Comma-separated list of {', '.join(nme_methods.METHODS)}.",
)
_INNER_STEPS = flags.DEFINE_integer(
    "inner_steps",
    None,
    "Gradient steps of the inner loop in training; by default the method's.",
    lower_bound=1,
)
_TEST_INNER_STEPS = flags.DEFINE_integer(
    "test_inner_steps",
    None,
    "Gradient steps of the inner loop at test; by default twice as many.",
    lower_bound=1,
)
_STEPS = flags.DEFINE_integer(
    "steps", 600, "Outer steps of each method.", lower_bound=1
)
_STEPS_PER_EPOCH = flags.DEFINE_integer(
    "steps_per_epoch",
    100,
    "Steps between two checkpoints, validations and points of the curves.",
    lower_bound=1,
)
_META_BATCH_SIZE = flags.DEFINE_integer(
    "meta_batch_size", 8, "Tasks in an outer step.", lower_bound=2
)
_FILTERS = flags.DEFINE_integer(
    "filters", None, "Channels of each convolution; 64.", lower_bound=1
)
_CELL_UNITS = flags.DEFINE_integer(
    "cell_units",
    None,
    "Units of the LSTM that reads the support set (recurrent, mann); by "
    "default the method's.",
    lower_bound=1,
)
_MEMORY_SLOTS = flags.DEFINE_integer(
    "memory_slots",
    None,
    "Slots of the memory (mann); by default the method's.",
    lower_bound=1,
)
_EVAL_SPLITS = flags.DEFINE_list(
    "eval_splits",
    list(learner_training.SPLITS),
    f"Comma-separated list of {', '.join(learner_training.SPLITS)}: which "
    "tasks to evaluate on. Settings are to be chosen without meta-test.",
)
_EVAL_TASKS = flags.DEFINE_integer(
    "eval_tasks", 600, "Tasks to evaluate on, of each split.", lower_bound=2
)
_OUTER_SCHEDULE = flags.DEFINE_enum(
    "outer_schedule",
    None,
    method_settings.OUTER_SCHEDULES,
    "Whether the outer learning rate falls to zero as half a cosine over the "
    "run, or stays; cosine.",
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Fixes splits, tasks, weights and draws.", lower_bound=0
)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder of the run; by default results/, the command's name and the "
    "problem's.",
)


_RATES = [
    cli.define_number(name, f"{meaning}; by default the method's.", zero=zero)
    for name, meaning, zero in (
        ("inner_learning_rate", "Step size of the inner loop", False),
        ("outer_learning_rate", "Learning rate of Adam at the start", False),
        ("beta", "Weight of the KL divergence", True),
        ("initial_scale", "Initial sigma of q(theta) or q(psi)", False),
        ("weight_decay", "Decoupled weight decay", True),
        ("taml_weight", "Weight of TAML's entropy", True),
        ("prior_precision", "Precision of LLAMA's prior", False),
        ("curvature_weight", "Weight of LLAMA's log-determinant", True),
    )
]


def main() -> None:
    """Trains and evaluates the methods, and writes what came of it."""
    methods = cli.chosen(_METHODS, nme_methods.METHODS)
    eval_splits = cli.chosen(_EVAL_SPLITS, learner_training.SPLITS)
    folder = run_folder.RunFolder(out("nme_classification"), config())
    splits = _load_splits()
    problem = nme_training.Problem(
        splits=splits,
        construction=_CONSTRUCTION.value,
        ways=_WAYS.value,
        shots=_SHOTS.value,
        queries=_QUERIES.value,
        seed=_SEED.value,
    )
    budget = learner_training.Budget(
        steps=_STEPS.value,
        steps_per_epoch=cli.steps_per_epoch(_STEPS, _STEPS_PER_EPOCH),
        meta_batch_size=_META_BATCH_SIZE.value,
        eval_splits=tuple(eval_splits),
        eval_tasks=_EVAL_TASKS.value,
    )
    print(
        f"{_DATASET.value}: {splits.meta_train.num_classes} meta-train, "
        f"{splits.meta_validation.num_classes} meta-validation and "
        f"{splits.meta_test.num_classes} meta-test classes; "
        f"{_WAYS.value}-way {_SHOTS.value}-shot, {_CONSTRUCTION.value}.\n"
        f"Writing to {folder.path}"
    )
    rows, curves, conflict_curves = [], {}, {}
    for number, name in enumerate(methods, start=1):
        method = nme_methods.METHODS[name]
        settings = method.settings(**_overrides())
        print(f"\n[{number}/{len(methods)}] {method.title}", flush=True)
        outcome = nme_training.run_method(
            name, method, settings, problem, budget, folder
        )
        curves[name] = outcome["curve"]
        if outcome.get("conflicts"):
            conflict_curves[method.title] = outcome["curve"]
        rows += [
            {
                "experiment": "nme_classification",
                "method": name,
                "dataset": _DATASET.value,
                "construction": _CONSTRUCTION.value,
                "ways": _WAYS.value,
                "shots": _SHOTS.value,
                "seed": _SEED.value,
                "split": split,
                **scores,
                "paper": nme_report.paper_accuracy(
                    name,
                    dataset=_DATASET.value,
                    construction=_CONSTRUCTION.value,
                    ways=_WAYS.value,
                    shots=_SHOTS.value,
                    split=split,
                ),
                "conflicts": outcome.get("conflicts"),
                "pac_bayes": outcome.get("pac_bayes"),
                "seconds": outcome["seconds"],
                "settings": dataclasses.asdict(settings),
            }
            for split, scores in outcome["splits"].items()
        ]
        folder.write_results(rows)
    nme_report.draw(rows, curves, folder.path)
    if conflict_curves:
        conflict_plots.draw_conflicts(
            conflict_curves, folder.path / "conflicts.png"
        )
    print()
    print(nme_report.table(rows))
    print(f"\nResults, plots, logs and learners are in {folder.path}")


def _overrides() -> dict[str, float | str | None]:
    """Returns the method settings that the user gave as flags."""
    given = [
        *_RATES,
        _INNER_STEPS,
        _TEST_INNER_STEPS,
        _OUTER_SCHEDULE,
        _FILTERS,
        _CELL_UNITS,
        _MEMORY_SLOTS,
    ]
    return {holder.name: holder.value for holder in given}


def out(command: str) -> pathlib.Path:
    """Returns the folder to write to, by default named after the problem."""
    name = (
        f"{_DATASET.value}-{_CONSTRUCTION.value}-{_WAYS.value}way-"
        f"{_SHOTS.value}shot-seed{_SEED.value}"
    )
    return cli.resolve_path(_OUT.value or f"results/{command}/{name}")


def config() -> dict[str, Any]:
    """Returns the flags that fix the results of a method."""
    return {
        holder.name: holder.value
        for holder in (
            _DATASET,
            _OMNIGLOT_SPLIT,
            _ROTATIONS,
            _CONSTRUCTION,
            _WAYS,
            _SHOTS,
            _QUERIES,
            _STEPS,
            _STEPS_PER_EPOCH,
            _META_BATCH_SIZE,
            _EVAL_SPLITS,
            _EVAL_TASKS,
            _SEED,
        )
    } | _overrides()


def _load_splits() -> tasks.Splits:
    if _DATASET.value == "glyphs":
        return tasks.load_glyphs(seed=_SEED.value)
    data_dir = _DATA_DIR.value
    return tasks.load_omniglot(
        data_dir and str(cli.resolve_path(data_dir)),
        split=_OMNIGLOT_SPLIT.value,
        rotations=_ROTATIONS.value,
        seed=_SEED.value,
    )


if __name__ == "__main__":
    cli.run(main)

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
    conflict_plots,
    learner_flags,
    nme_methods,
    nme_report,
    nme_training,
    run_folder,
)
from experiments.run import cli
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
_OF_SOME_METHODS = [
    cli.define_number(name, f"{meaning}; by default the method's.", zero=zero)
    for name, meaning, zero in (
        ("taml_weight", "Weight of TAML's entropy", True),
        ("prior_precision", "Precision of LLAMA's prior", False),
        ("curvature_weight", "Weight of LLAMA's log-determinant", True),
    )
]
flags.adopt_module_key_flags(learner_flags)


def main() -> None:
    """Trains and evaluates the methods, and writes what came of it."""
    methods = cli.chosen(_METHODS, nme_methods.METHODS)
    budget = learner_flags.budget()
    folder = run_folder.RunFolder(out("nme_classification"), config())
    splits = _load_splits()
    problem = nme_training.Problem(
        splits=splits,
        construction=_CONSTRUCTION.value,
        ways=_WAYS.value,
        shots=_SHOTS.value,
        queries=_QUERIES.value,
        seed=learner_flags.SEED.value,
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
                "seed": learner_flags.SEED.value,
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


def _overrides() -> dict[str, Any]:
    """Returns the method settings that the user gave as flags."""
    return learner_flags.overrides() | learner_flags.values(
        *_OF_SOME_METHODS, _FILTERS, _CELL_UNITS, _MEMORY_SLOTS
    )


def out(command: str) -> pathlib.Path:
    """Returns the folder to write to, by default named after the problem."""
    name = (
        f"{_DATASET.value}-{_CONSTRUCTION.value}-{_WAYS.value}way-"
        f"{_SHOTS.value}shot-seed{learner_flags.SEED.value}"
    )
    return cli.resolve_path(
        learner_flags.OUT.value or f"results/{command}/{name}"
    )


def config() -> dict[str, Any]:
    """Returns the flags that fix the results of a method."""
    return (
        learner_flags.values(
            _DATASET,
            _OMNIGLOT_SPLIT,
            _ROTATIONS,
            _CONSTRUCTION,
            _WAYS,
            _SHOTS,
            _QUERIES,
        )
        | learner_flags.config()
        | _overrides()
    )


def _load_splits() -> tasks.Splits:
    if _DATASET.value == "glyphs":
        return tasks.load_glyphs(seed=learner_flags.SEED.value)
    data_dir = _DATA_DIR.value
    return tasks.load_omniglot(
        data_dir and str(cli.resolve_path(data_dir)),
        split=_OMNIGLOT_SPLIT.value,
        rotations=_ROTATIONS.value,
        seed=learner_flags.SEED.value,
    )


if __name__ == "__main__":
    cli.run(main)

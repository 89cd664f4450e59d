r"""Learning several tasks at once: what to share, and gradient surgery.

Trains each method on all tasks of a data set together and scores it on each.
CIFAR-100's tasks are its 20 coarse classes, of which each asks for the fine
class among five (Yu et al. 2020, after Rosenbaum et al. 2018); those of the
embedded data are seven scripts, each asking for the letter among ten.

    ./bazelw run //experiments:multitask_cifar100
    ./bazelw run //experiments:multitask_cifar100 -- \
        --dataset=cifar100 --data_dir=/data/tfds --methods=all_fc,pcgrad

A run that was stopped goes on when the same command is given again.
"""

import dataclasses
import pathlib
from typing import Any

import keras
from absl import flags

from experiments import (
    conflict_plots,
    multitask_data,
    multitask_methods,
    multitask_report,
    multitask_training,
    run_folder,
)
from experiments.run import cli
from tfmeta import errors, tasks

_DATASETS = ("glyphs", "cifar100")
# Mirror images of letters are other letters.
_DEFAULT_AUGMENTATION = {"glyphs": "none", "cifar100": "crop_flip"}

_DATASET = flags.DEFINE_enum(
    "dataset",
    "glyphs",
    _DATASETS,
    "glyphs: letters of seven scripts, rendered here from matplotlib's fonts; "
    "cifar100: photographs, through TensorFlow Datasets.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of TensorFlow Datasets (cifar100); its own default if not given. "
    "What is missing there is downloaded.",
)
_TASKS = flags.DEFINE_integer(
    "tasks", None, "Only the first so many tasks; all.", lower_bound=2
)
_METHODS = flags.DEFINE_list(
    "methods",
    ["independent", "all_fc", "pcgrad"],
    f"Comma-separated list of {', '.join(multitask_methods.METHODS)}.",
)
_STEPS = flags.DEFINE_integer(
    "steps", 150, "Training steps of each method.", lower_bound=1
)
_STEPS_PER_EPOCH = flags.DEFINE_integer(
    "steps_per_epoch",
    30,
    "Steps between two checkpoints, validations and points of the curves.",
    lower_bound=1,
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 8, "Images of each task in a step.", lower_bound=1
)
_AUGMENTATION = flags.DEFINE_enum(
    "augmentation",
    None,
    multitask_data.AUGMENTATIONS,
    "Of training images; by default crop_flip for cifar100, none for glyphs.",
)
_OPTIMIZER = flags.DEFINE_enum(
    "optimizer", None, multitask_methods.OPTIMIZERS, "The optimizer; adam."
)
_FILTERS = flags.DEFINE_integer(
    "filters", None, "Channels of each convolution; 160.", lower_bound=1
)
_UNITS = flags.DEFINE_list(
    "units", None, "Units of the hidden fully connected layers; 320,320."
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ("float32", "mixed_bfloat16"),
    "Of the arithmetic. In mixed_bfloat16 layers compute in bfloat16, twice as "
    "fast on processors that have it; weights, losses and what is done to the "
    "tasks' gradients stay in float32.",
)
_EVAL_SPLITS = flags.DEFINE_list(
    "eval_splits",
    list(multitask_training.SPLITS),
    f"Comma-separated list of {', '.join(multitask_training.SPLITS)}: which "
    "images to evaluate on. Settings are to be chosen without test.",
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Fixes splits, batches, weights and draws.", lower_bound=0
)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder of the run; by default results/multitask_cifar100/ and the data "
    "set's name and seed.",
)


_LEARNING_RATE = cli.define_number(
    "learning_rate",
    "Rate of the optimizer at the start, from which it falls to zero; 0.001.",
)
_ROUTER_LEARNING_RATE = cli.define_number(
    "router_learning_rate", "Rate of routing networks' policies; 1."
)


def main() -> None:
    """Trains and evaluates the methods, and writes what came of it."""
    methods = cli.chosen(_METHODS, multitask_methods.METHODS)
    overrides = _overrides()
    keras.config.set_dtype_policy(_PRECISION.value)
    budget = multitask_training.Budget(
        steps=_STEPS.value,
        steps_per_epoch=cli.steps_per_epoch(_STEPS, _STEPS_PER_EPOCH),
        eval_splits=tuple(cli.chosen(_EVAL_SPLITS, multitask_training.SPLITS)),
    )
    splits = _load_splits()
    folder = run_folder.RunFolder(_out(), _config())
    data = multitask_data.Data(
        splits,
        batch_size=_BATCH_SIZE.value,
        augmentation=_augmentation(),
        seed=_SEED.value,
    )
    first, *_ = splits.train.values()
    print(
        f"{_DATASET.value}: {len(splits.task_names)} tasks of "
        f"{first.num_classes} classes, {len(first.images)} images of each to "
        f"train on.\nWriting to {folder.path}"
    )
    rows, curves, conflict_curves = [], {}, {}
    for number, name in enumerate(methods, start=1):
        method = multitask_methods.METHODS[name]
        settings = method.settings(**overrides)
        print(f"\n[{number}/{len(methods)}] {method.title}", flush=True)
        outcome = multitask_training.run_method(
            name, method, settings, data, budget, folder
        )
        curves[name] = outcome["curve"]
        if outcome["conflicts"]:
            conflict_curves[method.title] = outcome["curve"]
        if outcome["cosines"]:
            conflict_plots.draw_cosines(
                outcome["cosines"],
                splits.task_names,
                folder.path / name / "cosines.png",
            )
        rows += [
            {
                "experiment": "multitask_cifar100",
                "method": name,
                "dataset": _DATASET.value,
                "tasks": len(splits.task_names),
                "classes": first.num_classes,
                "seed": _SEED.value,
                "split": split,
                **scores,
                "paper": multitask_report.paper_accuracy(
                    name,
                    dataset=_DATASET.value,
                    tasks=len(splits.task_names),
                    split=split,
                ),
                "conflicts": outcome["conflicts"],
                "seconds": outcome["seconds"],
                "steps": _STEPS.value,
                "batch_size": data.batch_size,
                "augmentation": data.augmentation,
                "precision": _PRECISION.value,
                "settings": dataclasses.asdict(settings),
                "commit": run_folder.commit(),
            }
            for split, scores in outcome["splits"].items()
        ]
        folder.write_results(rows)
    multitask_report.draw(rows, curves, folder.path)
    if conflict_curves:
        conflict_plots.draw_conflicts(
            conflict_curves, folder.path / "conflicts.png"
        )
    print()
    print(multitask_report.table(rows))
    print(f"\nResults, plots, logs and models are in {folder.path}")


def _augmentation() -> str:
    return _AUGMENTATION.value or _DEFAULT_AUGMENTATION[_DATASET.value]


def _overrides() -> dict[str, Any]:
    """Returns the method settings that the user gave as flags."""
    units = None
    if _UNITS.value is not None:
        try:
            units = tuple(int(size) for size in _UNITS.value)
        except ValueError:
            units = ()
        if not units or min(units) < 1:
            raise errors.InputError(
                f"--units={','.join(_UNITS.value)}: expected positive integers"
            )
    given = (_OPTIMIZER, _LEARNING_RATE, _ROUTER_LEARNING_RATE, _FILTERS)
    return {holder.name: holder.value for holder in given} | {"units": units}


def _config() -> dict[str, Any]:
    """Returns the flags that fix the results of a method."""
    flag_values = {
        holder.name: holder.value
        for holder in (
            _DATASET,
            _TASKS,
            _STEPS,
            _STEPS_PER_EPOCH,
            _BATCH_SIZE,
            _EVAL_SPLITS,
            _SEED,
            _OPTIMIZER,
            _LEARNING_RATE,
            _ROUTER_LEARNING_RATE,
            _FILTERS,
            _UNITS,
            _PRECISION,
        )
    }
    return flag_values | {"augmentation": _augmentation()}


def _out() -> pathlib.Path:
    return cli.resolve_path(
        _OUT.value
        or f"results/multitask_cifar100/{_DATASET.value}-seed{_SEED.value}"
    )


def _load_splits() -> tasks.TaskSplits:
    if _DATASET.value == "glyphs":
        splits = tasks.load_glyph_tasks(seed=_SEED.value)
    else:
        data_dir = _DATA_DIR.value
        splits = tasks.load_cifar100(
            data_dir and str(cli.resolve_path(data_dir)), seed=_SEED.value
        )
    names = splits.task_names
    if _TASKS.value is None:
        return splits
    if _TASKS.value > len(names):
        raise errors.InputError(
            f"--tasks={_TASKS.value}: expected at most {len(names)}, the "
            f"tasks of {_DATASET.value}"
        )
    return splits.select(names[: _TASKS.value])


if __name__ == "__main__":
    cli.run(main)

"""What the commands on regression tasks share: flags, runs and rows.

A command sets the defaults that are its own (`flags.FLAGS.set_default`), the
methods among them, and adopts the flags, so that its `--help` lists them
(`flags.adopt_module_key_flags`).
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from absl import flags

from experiments import (
    cli,
    learner_training,
    method_settings,
    regression_methods,
    regression_report,
    run_folder,
)
from tfmeta import learners

SHOTS = flags.DEFINE_integer(
    "shots", 5, "Support examples of a task.", lower_bound=1
)
QUERIES = flags.DEFINE_integer(
    "queries", 10, "Query examples of a task in training.", lower_bound=1
)
SEED = flags.DEFINE_integer(
    "seed", 0, "Fixes tasks, weights and draws.", lower_bound=0
)
_METHODS = flags.DEFINE_list(
    "methods", None, "Comma-separated list of what to train; by default all."
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
    "Gradient steps of the inner loop at test; by default the method's.",
    lower_bound=1,
)
_STEPS = flags.DEFINE_integer(
    "steps", 5000, "Outer steps of each method.", lower_bound=1
)
_STEPS_PER_EPOCH = flags.DEFINE_integer(
    "steps_per_epoch",
    500,
    "Steps between two checkpoints, validations and points of the curves.",
    lower_bound=1,
)
_META_BATCH_SIZE = flags.DEFINE_integer(
    "meta_batch_size", 8, "Tasks in an outer step.", lower_bound=2
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
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder of the run; by default results/, the command's name, the shots and "
    "the seed.",
)
_RATES = [
    cli.define_number(name, f"{meaning}; by default the method's.", zero=zero)
    for name, meaning, zero in (
        ("inner_learning_rate", "Step size of the inner loop", False),
        ("outer_learning_rate", "Learning rate of Adam at the start", False),
        ("beta", "Weight of the KL divergence", True),
        ("initial_scale", "Initial sigma of q(theta)", False),
        ("prior_scale", "Sigma of the prior p(theta)", False),
        ("weight_decay", "Decoupled weight decay", True),
    )
]


@dataclasses.dataclass(frozen=True)
class Published:
    """A published mean squared error: mean and standard deviation."""

    mean: float
    std: float


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One command's table.

    Attributes:
        name: the command's.
        methods: its rows.
        published: `(method, shots)` to the paper's figure on meta-test tasks.
        dataset: what the tasks are made of, where there is a choice.
    """

    name: str
    methods: Mapping[str, regression_methods.Method]
    published: Mapping[tuple[str, int], Published]
    dataset: str | None = None


@dataclasses.dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        folder: where it is.
        outcomes: for each method what `learner_training.run_learner` returned.
    """

    folder: run_folder.RunFolder
    outcomes: dict[str, dict[str, Any]]


def check_flags(experiment: Experiment) -> None:
    """Checks the flags, for commands whose tasks take a while to make.

    Args:
        experiment: the command's table.

    Raises:
        InputError: if a flag is wrong.
    """
    _plan(experiment)


def run(
    experiment: Experiment,
    problem: learner_training.Problem,
    *,
    config: Mapping[str, Any] | None = None,
    examine: Callable[[learners.Learner], dict[str, Any]] = lambda _: {},
) -> Run:
    """Trains and evaluates the methods that the flags name.

    Writes `results.json` and the pictures, prints the table.

    Args:
        experiment: the command's table.
        problem: what to train on, made of the flags.
        config: the command's own flags that fix the results.
        examine: see `learner_training.run_learner`.

    Raises:
        InputError: if a flag is wrong.
    """
    names, budget = _plan(experiment)
    dataset = f"{experiment.dataset}-" if experiment.dataset else ""
    folder = run_folder.RunFolder(
        cli.resolve_path(
            _OUT.value
            or f"results/{experiment.name}/{dataset}{SHOTS.value}shot-"
            f"seed{SEED.value}"
        ),
        _config() | dict(config or {}),
    )
    print(f"Writing to {folder.path}")
    rows: list[dict[str, Any]] = []
    outcomes = {}
    for number, name in enumerate(names, start=1):
        method = experiment.methods[name]
        settings = method.settings(**_overrides())
        print(f"\n[{number}/{len(names)}] {method.title}", flush=True)
        outcomes[name] = learner_training.run_learner(
            name,
            functools.partial(
                method.build_compiled,
                settings,
                steps=budget.steps,
                seed=problem.seed,
            ),
            problem,
            budget,
            folder,
            metric=learner_training.MSE,
            examine=examine,
        )
        rows += _rows(experiment, name, settings, outcomes[name])
        folder.write_results(rows)
    titles = {name: experiment.methods[name].title for name in names}
    regression_report.draw_curves(
        {titles[name]: outcomes[name]["curve"] for name in names},
        folder.path / "curves.png",
    )
    print()
    print(regression_report.table(rows, titles))
    print(f"\nResults, plots, logs and learners are in {folder.path}")
    return Run(folder, outcomes)


def _plan(experiment: Experiment) -> tuple[list[str], learner_training.Budget]:
    """Returns the methods that the flags name, and how long to train each."""
    return cli.chosen(_METHODS, experiment.methods), learner_training.Budget(
        steps=_STEPS.value,
        steps_per_epoch=cli.steps_per_epoch(_STEPS, _STEPS_PER_EPOCH),
        meta_batch_size=_META_BATCH_SIZE.value,
        eval_splits=tuple(cli.chosen(_EVAL_SPLITS, learner_training.SPLITS)),
        eval_tasks=_EVAL_TASKS.value,
    )


def _rows(
    experiment: Experiment,
    name: str,
    settings: regression_methods.Settings,
    outcome: dict[str, Any],
) -> list[dict[str, Any]]:
    """Returns the rows of a method in `results.json`, one for each split."""
    published = experiment.published.get((name, SHOTS.value))
    return [
        {
            "experiment": experiment.name,
            "dataset": experiment.dataset,
            "method": name,
            "shots": SHOTS.value,
            "queries": QUERIES.value,
            "seed": SEED.value,
            "split": split,
            **scores,
            "paper": published.mean if published and is_test else None,
            "paper_std": published.std if published and is_test else None,
            "seconds": outcome["seconds"],
            "steps": _STEPS.value,
            "meta_batch_size": _META_BATCH_SIZE.value,
            "settings": dataclasses.asdict(settings),
            "commit": run_folder.commit(),
        }
        for split, scores in outcome["splits"].items()
        for is_test in [split == "meta-test"]
    ]


def _overrides() -> dict[str, float | str | None]:
    """Returns the method settings that the user gave as flags."""
    given = [*_RATES, _INNER_STEPS, _TEST_INNER_STEPS, _OUTER_SCHEDULE]
    return {holder.name: holder.value for holder in given}


def _config() -> dict[str, Any]:
    """Returns the flags that fix the results of a method."""
    return {
        holder.name: holder.value
        for holder in (
            SHOTS,
            QUERIES,
            _STEPS,
            _STEPS_PER_EPOCH,
            _META_BATCH_SIZE,
            _EVAL_SPLITS,
            _EVAL_TASKS,
            SEED,
        )
    } | _overrides()

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
    learner_flags,
    learner_training,
    pac_bayes,
    regression_methods,
    regression_report,
    run_folder,
)
from experiments.run import cli
from tfmeta import learners

SHOTS = flags.DEFINE_integer(
    "shots", 5, "Support examples of a task.", lower_bound=1
)
QUERIES = flags.DEFINE_integer(
    "queries", 10, "Query examples of a task in training.", lower_bound=1
)
_METHODS = flags.DEFINE_list(
    "methods", None, "Comma-separated list of what to train; by default all."
)
_PRIOR_SCALE = cli.define_number(
    "prior_scale", "Sigma of the prior p(theta); by default the method's."
)
flags.adopt_module_key_flags(learner_flags)
for _name, _value in {"steps": 5000, "steps_per_epoch": 500}.items():
    flags.FLAGS.set_default(_name, _value)


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
        label_range: the least label there can be, and the greatest.
        dataset: what the tasks are made of, where there is a choice.
    """

    name: str
    methods: Mapping[str, regression_methods.Method]
    published: Mapping[tuple[str, int], Published]
    label_range: tuple[float, float]
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
            learner_flags.OUT.value
            or f"results/{experiment.name}/{dataset}{SHOTS.value}shot-"
            f"seed{learner_flags.SEED.value}"
        ),
        _config() | dict(config or {}),
    )
    print(f"Writing to {folder.path}")
    loss = pac_bayes.squared_error_within(*experiment.label_range)
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
            examine=lambda learner: (
                pac_bayes.examine(learner, problem, budget, loss)
                | examine(learner)
            ),
        )
        rows += _rows(experiment, name, settings, budget, outcomes[name])
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
    return cli.chosen(_METHODS, experiment.methods), learner_flags.budget()


def _rows(
    experiment: Experiment,
    name: str,
    settings: regression_methods.Settings,
    budget: learner_training.Budget,
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
            "seed": learner_flags.SEED.value,
            "split": split,
            **scores,
            "paper": published.mean if published and is_test else None,
            "paper_std": published.std if published and is_test else None,
            "seconds": outcome["seconds"],
            "steps": budget.steps,
            "meta_batch_size": budget.meta_batch_size,
            "settings": dataclasses.asdict(settings),
            "pac_bayes": outcome.get("pac_bayes"),
            "commit": run_folder.commit(),
        }
        for split, scores in outcome["splits"].items()
        for is_test in [split == "meta-test"]
    ]


def _overrides() -> dict[str, Any]:
    """Returns the method settings that the user gave as flags."""
    return learner_flags.overrides() | learner_flags.values(_PRIOR_SCALE)


def _config() -> dict[str, Any]:
    """Returns the flags that fix the results of a method."""
    return learner_flags.config() | learner_flags.values(
        SHOTS, QUERIES, _PRIOR_SCALE
    )

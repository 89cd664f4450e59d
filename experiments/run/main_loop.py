"""The one main loop: it trains and scores the methods of any experiment."""

from collections.abc import Iterable
from typing import Any

from experiments.run import (
    cli,
    contract,
    flags,
    printed,
    rows,
    run_folder,
    settings,
    side_by_side,
)
from tfmeta import errors
from tfmeta.training import callbacks


def settings_of(experiment: contract.Experiment) -> list[settings.Setting]:
    """Returns all settings that the experiment's command has flags for."""
    return [
        settings.names(
            "methods",
            experiment.chosen,
            experiment.methods,
            f"Comma-separated list of {', '.join(experiment.methods)}.",
        ),
        *fixing(experiment),
        *experiment.places,
        settings.text(
            "out",
            None,
            "Folder of the run; by default results/, the command's name and "
            "the problem's.",
        ),
        settings.integer(
            "jobs",
            experiment.jobs,
            "Methods, or cells of a study, to train side by side, each in a "
            "process of its own; 0 for one per core.",
            least=0,
        ),
        settings.switch(
            "only_train",
            False,
            "Train and score the methods, and leave tables and pictures to a "
            "call without this flag: what --jobs does in each process.",
        ),
    ]


def fixing(experiment: contract.Experiment) -> list[settings.Setting]:
    """Returns the settings that fix the results of a method."""
    return [
        *experiment.problem,
        *experiment.spending,
        *experiment.hyperparameters,
        settings.integer(
            "seed",
            0,
            "Fixes data, weights and draws, where no other flag does.",
            least=0,
        ),
    ]


def run(experiment: contract.Experiment, values: contract.Values) -> None:
    """Trains and scores methods, and writes what came of it.

    A run that was stopped goes on.

    Args:
        experiment: what to run.
        values: those of `settings_of`, by name.

    Raises:
        DivergenceError: if a loss becomes NaN.
        InputError: if a value is wrong, or the folder is that of another run.
    """
    experiment.check(values)
    budget = contract.Budget.of(values)
    problem = experiment.load(values)
    asked, values = values, problem.values
    folder = open_folder(experiment.name, experiment, values)
    if problem.summary:
        print(problem.summary)
    print(f"Writing to {folder.path}")
    results: list[rows.Row] = []
    outcomes: dict[str, contract.Outcome] = {}
    names = values["methods"]
    if values["jobs"] != 1:
        _train_side_by_side(experiment, asked, folder)
    for number, name in enumerate(names, start=1):
        method = experiment.methods[name]
        print(f"\n[{number}/{len(names)}] {method.title}", flush=True)
        job = contract.Job(
            method,
            method.choose(values),
            problem,
            budget,
            values["seed"],
            folder.path / name,
            experiment.examine,
        )
        outcome = run_method(experiment, name, job, folder)
        outcomes[name] = outcome
        if values["only_train"]:
            continue
        results += _rows(experiment, name, job.settings, values, outcome)
        folder.write_results(results)
    if values["only_train"]:
        return
    finished = contract.Run(experiment, problem, results, outcomes, folder.path)
    for picture in experiment.pictures:
        picture.draw(finished, folder.path / f"{picture.name}.png")
    print()
    print(printed.of_run(experiment, results))
    print(f"\nResults, plots, logs and models are in {folder.path}")


def run_method(
    experiment: contract.Experiment,
    name: str,
    job: contract.Job,
    folder: run_folder.RunFolder,
) -> contract.Outcome:
    """Trains and scores a method, unless that was done before.

    Args:
        experiment: whose method it is.
        name: the method's name, and that of its folder within the run's.
        job: what to do.
        folder: the run's folder.

    Returns:
        The outcome, as written to `<name>/outcome.json`.
    """
    outcome = folder.read_json(f"{name}/outcome.json")
    if outcome is not None:
        print("Done before.")
        return outcome
    outcome = experiment.trainer.run(job)
    folder.write_json(f"{name}/outcome.json", outcome)
    experiment.trainer.clean_up(job)
    return outcome


def _train_side_by_side(
    experiment: contract.Experiment,
    values: contract.Values,
    folder: run_folder.RunFolder,
) -> None:
    """Trains and scores methods that were not, each in a process of its own.

    Args:
        experiment: what to run.
        values: those of `settings_of`, by name, as they were asked for.
        folder: the run's, where the processes leave outcomes.

    Raises:
        DivergenceError: if a loss becomes NaN.
        InputError: if a process fails.
    """
    left = [
        name
        for name in values["methods"]
        if folder.read_json(f"{name}/outcome.json") is None
    ]
    if len(left) < 2:
        return
    known = settings_of(experiment)
    own = {"out": str(folder.path), "jobs": 1, "only_train": True}
    commands = [
        side_by_side.Command(
            f"experiments.{experiment.name}",
            [
                *flags.write(known, {**values, **own, "methods": [name]}),
                *side_by_side.ONE_THREAD,
            ],
            folder.path / f"{name}.log",
        )
        for name in left
    ]
    jobs = min(values["jobs"] or cli.cores(), len(left))
    print(
        f"{len(left)} methods to train, {jobs} side by side. How far they are "
        f"is in {folder.path}/*.log",
        flush=True,
    )
    for index, status in side_by_side.run(commands, jobs=jobs):
        if status:
            log = commands[index].log
            reason = side_by_side.last_line(log)
            if status == cli.DIVERGED:
                raise callbacks.DivergenceError(reason.removeprefix("error: "))
            raise errors.InputError(
                f"{left[index]} ended with status {status}: {reason} "
                f"(see {log})"
            )
        print(f"{experiment.methods[left[index]].title}: trained", flush=True)


def open_folder(
    command: str, experiment: contract.Experiment, values: contract.Values
) -> run_folder.RunFolder:
    """Opens the folder of a run or a study.

    Args:
        command: that of the run or the study.
        experiment: what is run.
        values: those of its settings.
    """
    return run_folder.RunFolder(
        cli.resolve_path(
            values["out"] or f"results/{command}/{experiment.folder(values)}"
        ),
        command,
        {setting.name: values[setting.name] for setting in fixing(experiment)},
    )


def diverged(
    experiment: contract.Experiment,
    name: str,
    values: contract.Values,
    reason: str,
) -> rows.Row:
    """Returns the row of a method whose loss became NaN."""
    (row,) = _rows(
        experiment,
        name,
        experiment.methods[name].choose(values),
        values,
        {"scores": {"": {}}, "seconds": 0.0, "notes": {"diverged": reason}},
    )
    return row


def _rows(
    experiment: contract.Experiment,
    name: str,
    chosen: contract.Values,
    values: contract.Values,
    outcome: contract.Outcome,
) -> list[rows.Row]:
    """Returns a method's rows, one for each split."""
    return [
        {
            "schema": rows.SCHEMA,
            "experiment": experiment.name,
            "method": name,
            "problem": _given(
                (trait.name for trait in experiment.traits), values
            ),
            "seed": values["seed"],
            "split": split,
            "metrics": {**scores, **outcome.get("metrics", {})},
            "settings": dict(chosen),
            "budget": _given(
                (setting.name for setting in experiment.spending), values
            ),
            "seconds": outcome["seconds"],
            "commit": run_folder.commit(),
            "notes": outcome.get("notes", {}),
        }
        for split, scores in outcome["scores"].items()
    ]


def _given(names: Iterable[str], values: contract.Values) -> dict[str, Any]:
    """Returns those of some values that are there and not None."""
    return {
        name: values[name] for name in names if values.get(name) is not None
    }

"""Experiments that there are not, and results of theirs."""

from experiments.run import contract, settings

_RATE = settings.number("rate", None, "", title="inner rate")
_BUDGET = (
    settings.integer("steps", 100, ""),
    settings.integer("batch", 8, "").replace(title="tasks a step"),
    settings.integer("eval_tasks", 600, ""),
)
_SHARE = contract.Metric("share", "share in %", 100, 1, 1)
_TEST, _VALIDATION, _TRAIN = ("test",), ("validation",), ("train",)
COLUMNS = (
    contract.Column("inner rate", "rate", show="setting"),
    contract.Column("train", "share", _TRAIN, "mean"),
    contract.Column("validation", "share", _VALIDATION),
    contract.Column("test", "share", _TEST, is_result=True),
    contract.Column("by seed", "share", _TEST, "seeds"),
    contract.Column("paper", show="paper"),
    contract.Column("by task", "share/", show="range"),
    contract.Column("conflicts", "conflicts", show="mean"),
)


def _nobody(*_):
    raise NotImplementedError


def _experiment(name, **changed):
    return contract.Experiment(
        **{
            "name": name,
            "title": f"The chapter on {name}",
            "lead": f"What {name} is about.",
            "methods": {
                method: contract.Method(title, _nobody, {"rate": 0.1})
                for method, title in (
                    ("plain", "Plain"),
                    ("fancy", "Fancy"),
                    ("third", "A third"),
                )
            },
            "chosen": ("plain",),
            "problem": (),
            "budget": _BUDGET,
            "hyperparameters": (_RATE,),
            "traits": (
                contract.Trait("dataset", titles={"letters": "Letters"}),
                contract.Trait("ways", "{}-way", is_size=True),
            ),
            "load": _nobody,
            "trainer": None,
            "metrics": (
                _SHARE,
                contract.Metric("conflicts", "", 100, 0, unit=" %"),
                contract.Metric("bound", ""),
            ),
            "lines": (
                contract.Column("share", "share"),
                contract.Column("paper", show="paper"),
            ),
            "columns": COLUMNS,
            "folder": _nobody,
            "splits": ("train", "validation", "test"),
            "published": (
                contract.Published("plain", {"ways": 5}, 0.25, split="test"),
                contract.Published(
                    "plain", {"ways": 20}, 0.125, 0.03125, split="test"
                ),
            ),
            "published_note": "The paper’s are of another world.",
            "chance": lambda problem: 1 / problem["ways"],
            "shown_settings": ("rate", "steps", "batch"),
            "further": (
                contract.FurtherTable(
                    "Bounds.",
                    (
                        contract.Column("bound", "bound", show="values"),
                        contract.Column("verdict", "verdict", show="note"),
                    ),
                ),
            ),
            "pictures": (contract.Picture("curves", "Curves", _nobody),),
        }
        | changed
    )


SHAPES = _experiment("shapes")
# Returns, of which more is better, that no paper has; all on one problem.
WALKS = _experiment(
    "walks",
    traits=(),
    splits=(),
    metrics=(contract.Metric("return", "mean return", decimals=2, sign=1),),
    columns=(contract.Column("return", "return", is_result=True),),
    published=(),
    chance=lambda problem: None,
    further=(),
    page_notes=lambda rows: [f"{len(rows)} rows were walked."],
)
STUDY = contract.Study(
    "rates",
    "The chapter on rates",
    "What rates are about.",
    SHAPES,
    chosen=("plain",),
    sweeps=(contract.Sweep("rate", "rates", (0.1, 1.0), ""),),
    scores=(
        contract.Score("share", "validation", "new"),
        contract.Score("share", "train", "old"),
    ),
    note="New tasks, and behind the stroke old ones.",
    pictures=(contract.Picture("study", "Shares by rate", _nobody),),
)
PARTS = (
    contract.Part("see", "Seeing", "How one sees.", (SHAPES, STUDY)),
    contract.Part("move", "Moving", "How one moves.", (WALKS,)),
)
COMMANDS = {
    command.name: command for part in PARTS for command in part.chapters
}


def estimate(mean, ci95=0.01):
    """Returns an estimate as rows hold it."""
    return {"mean": mean, "ci95": ci95, "count": None if ci95 is None else 600}


def row(**changed):
    """Returns a row of shapes on the test split."""
    return {
        "schema": 2,
        "experiment": "shapes",
        "method": "plain",
        "problem": {"dataset": "letters", "ways": 20},
        "seed": 0,
        "split": "test",
        "metrics": {"share": estimate(0.5)},
        "settings": {"rate": 0.1},
        "budget": {"steps": 100, "batch": 8, "eval_tasks": 600},
        "seconds": 120.0,
        "commit": "0123456789abcdef",
        "notes": {},
    } | changed


def results(rows, command="shapes", seed=0, **config):
    """Returns the content of a file of results."""
    return {
        "schema": 2,
        "command": command,
        "rows": rows,
        "config": {"steps": 100, "flag_not_given": None, "seed": seed} | config,
        "versions": {"python": "3.11.2", "keras": "3.15.1"},
        "commit": "0123456789abcdef",
    }


def shapes(
    method="plain",
    test=0.5,
    *,
    seed=0,
    rate=0.1,
    ways=20,
    validation=None,
    **more,
):
    """Returns the results of a run of shapes.

    Args:
        method: its only method.
        test: its score on the test split.
        seed: the run's.
        rate: the method's.
        ways: of the tasks.
        validation: its score on the validation split; that on the test split if
            not given.
        **more: further fields of all rows.
    """
    validation = test if validation is None else validation
    metrics = more.pop("metrics", {})
    return results(
        [
            row(
                method=method,
                problem={"dataset": "letters", "ways": ways},
                seed=seed,
                split=split,
                metrics={"share": estimate(share)} | metrics,
                settings={"rate": rate},
                **more,
            )
            for split, share in (
                ("train", 0.0625),
                ("validation", validation),
                ("test", test),
            )
        ],
        seed=seed,
    )


def walks(method="plain", mean=1.0, seed=0):
    """Returns the results of a run of walks."""
    walked = row(
        experiment="walks",
        method=method,
        problem={},
        seed=seed,
        split="",
        metrics={"return": estimate(mean)},
    )
    return results([walked], "walks", seed)

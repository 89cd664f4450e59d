"""The description of the tragic triad: descents, and a theorem tried."""

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import keras

from experiments.landscape import descent, pictures, theorem
from experiments.run import contract, rows, settings
from tfmeta import optimizers


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command line asks for, and nothing else.

    Attributes:
        values: see `contract.Problem`.
        summary: nothing.
    """

    values: contract.Values
    summary: str = ""


class _Trainer(contract.Trainer):
    """Runs what has nothing to train, and takes the time.

    The methods' `build` gives what is scored: the outcome itself.
    """

    def build(self, job: contract.Job) -> contract.Outcome:
        """Returns what a descent, or trying the theorem, gave."""
        return job.method.build(job.settings, job.problem, job.seed)

    def run(self, job: contract.Job) -> contract.Outcome:
        """Returns the same with the seconds that it took."""
        started = time.monotonic()
        return {**self.build(job), "seconds": time.monotonic() - started}

    def clean_up(self, job: contract.Job) -> None:
        """Has nothing to remove."""


def _descend(
    chosen: contract.Values,
    problem: Asked,
    seed: int,
    *,
    aggregator: type[optimizers.TaskGradientOptimizer],
) -> contract.Outcome:
    """Descends the landscape."""
    adam = keras.optimizers.Adam(chosen["learning_rate"])
    trajectory = descent.descend(
        aggregator(adam, seed=seed), problem.values["steps"]
    )
    end = trajectory[-1]
    losses = [float(loss) for loss in descent.landscape(end)]
    numbers = {
        "loss": sum(losses),
        "loss/1": losses[0],
        "loss/2": losses[1],
        "theta/1": end[0],
        "theta/2": end[1],
    }
    return {
        "scores": {"landscape": _points(numbers)},
        "trajectory": trajectory.tolist(),
    }


def _try_theorem(
    chosen: contract.Values, problem: Asked, seed: int
) -> contract.Outcome:
    """Tries Theorem 2."""
    del chosen
    counts = theorem.check_theorem_2(problem.values["quadratics"], seed)
    return {"scores": {"quadratics": _points(counts._asdict())}}


def _points(numbers: dict[str, Any]) -> dict[str, rows.Estimate]:
    return {name: rows.point(number) for name, number in numbers.items()}


def _notes(results: Sequence[rows.Row]) -> list[str]:
    """Returns what random pairs of losses say of the theorem, for each run."""
    return [
        f"Theorem 2, on {count['pairs']:,.0f} random pairs of quadratic "
        f"losses: {count['conditions_met']:,.0f} met its conditions, and for "
        f"{count['conclusion_holds']:,.0f} of these PCGrad’s step was no worse "
        "than the plain one, as it says; so it was for "
        f"{100 * count['conclusion_holds_otherwise']:.0f} % of the others."
        for row in results
        if "pairs" in row["metrics"]
        for count in [
            {name: found["mean"] for name, found in row["metrics"].items()}
        ]
    ]


_DEFAULTS = {"learning_rate": 1e-3}
METHODS = {
    "adam": contract.Method(
        "Adam",
        functools.partial(_descend, aggregator=optimizers.LinearScalarization),
        _DEFAULTS,
    ),
    "adam_pcgrad": contract.Method(
        "Adam + PCGrad",
        functools.partial(_descend, aggregator=optimizers.PCGrad),
        _DEFAULTS,
    ),
    "theorem_2": contract.Method("Theorem 2", _try_theorem, {}),
}
_COLUMNS = (
    contract.Column("theta 1", "theta/1"),
    contract.Column("theta 2", "theta/2"),
    contract.Column("loss of task 1", "loss/1"),
    contract.Column("of task 2", "loss/2"),
    contract.Column("of both", "loss", is_result=True),
)

EXPERIMENT = contract.Experiment(
    name="tragic_triad",
    title="Why: the tragic triad",
    lead=(
        "Conflicting gradients, high curvature and unequal magnitudes meet on "
        "the landscape of Yu et al. (2020, figure 1): descent on the sum of "
        "the losses is stuck where a valley begins that descent with PCGrad "
        "walks through."
    ),
    methods=METHODS,
    chosen=tuple(METHODS),
    problem=(),
    budget=(
        settings.integer("steps", 500_000, "Steps on the landscape."),
        settings.integer(
            "quadratics",
            1_000_000,
            "Random pairs of quadratic losses to try Theorem 2 on.",
        ),
    ),
    hyperparameters=(
        settings.number(
            "learning_rate", None, "Adam's, on the landscape; 0.001."
        ),
    ),
    traits=(),
    load=Asked,
    trainer=_Trainer(),
    metrics=(
        contract.Metric("loss", "loss where it ended", decimals=1, sign=-1),
        contract.Metric("theta", "where it ended", decimals=2),
    ),
    lines=_COLUMNS,
    columns=_COLUMNS,
    folder=lambda values: "",
    notes=_notes,
    page_notes=_notes,
    pictures=(pictures.LANDSCAPE,),
)

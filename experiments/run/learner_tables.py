"""What tables say of meta-learners."""

from experiments.run import contract

ACCURACY = contract.Metric(
    "accuracy", "accuracy in\N{NO-BREAK SPACE}%", 100, 1, 1
)
MSE = contract.Metric("mse", "mean squared error", decimals=3, sign=-1)
CONFLICTS = contract.Metric(
    "conflicting_pairs", "pairs of tasks in conflict, %", 100, 1
)
# Measured of learners beside what they are judged by.
FURTHER = (
    contract.Metric("nll", "negative log-likelihood, nats", 1, 2, -1),
    contract.Metric("ece", "expected calibration error, %", 100, 1, -1),
    CONFLICTS,
)
# The table of PAC-Bayes bounds.
BOUNDS = contract.FurtherTable(
    "PAC-Bayes bounds on the error on new tasks drawn as those of meta-train, "
    "by seed. An error is the share of wrong answers, or a squared error as a "
    "share of the square of what labels span.",
    (
        contract.Column("bound", "pac_bayes_bound", show="values"),
        contract.Column(
            "delta shared evenly", "pac_bayes_even_bound", show="values"
        ),
        contract.Column("measured", "pac_bayes_error", show="values"),
        contract.Column("KL, nats", "pac_bayes_kl", show="values"),
        contract.Column("verdict", "pac_bayes", show="note"),
    ),
)
_TEST, _TRAIN = ("meta-test",), ("meta-train",)


def lines(metric: contract.Metric) -> tuple[contract.Column, ...]:
    """Returns the columns of the table that a run prints."""
    name = metric.name
    return (
        contract.Column("before", f"{name}_before_adaptation", show="seeds"),
        contract.Column(
            "other support", f"{name}_with_other_support", show="seeds"
        ),
        contract.Column("adapted", name, show="seeds"),
        contract.Column("paper", name, show="paper"),
        contract.Column("NLL", "nll"),
        contract.Column("ECE, %", "ece"),
        contract.Column("conflicts, %", "conflicting_pairs"),
    )


def columns(metric: contract.Metric) -> tuple[contract.Column, ...]:
    """Returns the columns of tables with a line for each method."""
    name = metric.name
    return (
        contract.Column("inner rate", "inner_learning_rate", show="setting"),
        contract.Column("steps", "steps", show="setting"),
        contract.Column(
            "train, before", f"{name}_before_adaptation", _TRAIN, "mean"
        ),
        contract.Column(
            "train, other support", f"{name}_with_other_support", _TRAIN, "mean"
        ),
        contract.Column("validation", name, ("meta-validation",), "mean"),
        contract.Column("test", name, _TEST, is_result=True),
        contract.Column("by seed", name, _TEST, "seeds"),
        contract.Column("paper", name, _TEST, "paper"),
        contract.Column("NLL", "nll", _TEST),
        contract.Column("ECE, %", "ece", _TEST),
        contract.Column("conflicts, %", "conflicting_pairs"),
    )

"""What tables say of meta-learners."""

import dataclasses
from collections.abc import Mapping, Sequence

from experiments.run import contract, rows

ACCURACY = contract.Metric(
    "accuracy", "accuracy in\N{NO-BREAK SPACE}%", 100, 1, 1
)
MSE = contract.Metric("mse", "mean squared error", decimals=3, sign=-1)
CONFLICTING_PAIRS = contract.Metric(
    "conflicting_pairs", "pairs of tasks in conflict, %", 100, 1
)
CONFLICTS = (
    CONFLICTING_PAIRS,
    contract.Metric("gradient_cosine", "cosine of gradients"),
    contract.Metric("magnitude_similarity", "similarity of lengths"),
)
_BEYOND = (
    contract.Metric("nll", "negative log-likelihood, nats", 1, 2, -1),
    contract.Metric("ece", "expected calibration error, %", 100, 1, -1),
    *CONFLICTS,
    *(
        contract.Metric(f"pac_bayes_{name}", title)
        for name, title in (
            ("bound", "PAC-Bayes bound"),
            ("even_bound", "PAC-Bayes bound, delta shared evenly"),
            ("error", "error under draws of weights"),
            ("kl", "KL divergence, nats"),
            ("points_per_task", "points of a task"),
            ("delta", "delta"),
            ("weights", "weights with a posterior"),
            ("point_weights", "weights without a posterior"),
        )
    ),
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
        contract.Column("KL, nats", "pac_bayes_kl", show="values"),
        contract.Column("verdict", "pac_bayes", show="note"),
    ),
)
_TEST, _TRAIN = ("meta-test",), ("meta-train",)


def metrics(metric: contract.Metric) -> tuple[contract.Metric, ...]:
    """Returns what is measured of learners that are judged by a metric."""
    moments = (
        ("before_adaptation", "before adaptation"),
        ("with_other_support", "with another task's support"),
    )
    return (
        metric,
        *(
            dataclasses.replace(
                metric,
                name=f"{metric.name}_{name}",
                title=f"{metric.title}, {title}",
            )
            for name, title in moments
        ),
        *_BEYOND,
    )


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


def notes(
    results: Sequence[rows.Row], methods: Mapping[str, contract.Method]
) -> list[str]:
    """Returns what to say of the conflicts and the bounds of a run.

    Args:
        results: its rows.
        methods: the experiment's.
    """
    first_rows = {row["method"]: row for row in reversed(results)}
    told = []
    for name, method in methods.items():
        if name not in first_rows:
            continue
        measured = first_rows[name]["metrics"]
        if "conflicting_pairs" in measured:
            share = 100 * measured["conflicting_pairs"]["mean"]
            told.append(
                f"{method.title}: {share:.0f} % of the pairs of tasks of a "
                "meta-batch had gradients in conflict."
            )
        if "pac_bayes" in first_rows[name]["notes"]:
            told.append(_bound_note(method.title, first_rows[name]))
    return told


def _bound_note(title: str, row: rows.Row) -> str:
    verdict = row["notes"]["pac_bayes"]
    if "pac_bayes_bound" not in row["metrics"]:
        return f"{title}: no PAC-Bayes bound;\n  {verdict}"
    bound, even_bound, error, kl = (
        row["metrics"][f"pac_bayes_{name}"]["mean"]
        for name in ("bound", "even_bound", "error", "kl")
    )
    return (
        f"{title}: PAC-Bayes bounds its error (0 to 1) on new tasks drawn as "
        f"those\n  of meta-train by {bound:.3g} (delta shared evenly: "
        f"{even_bound:.3g}), {verdict};\n  measured: {error:.3g}, KL: "
        f"{kl:.4g} nats."
    )

"""The study of where a meta-learner memorizes."""

from experiments.few_shot import experiment, methods
from experiments.figures import sweeps
from experiments.run import contract

_SCORES = (
    contract.Score("accuracy", "meta-validation", "new tasks"),
    contract.Score(
        "accuracy_with_other_support",
        "meta-train",
        "training tasks with other support",
    ),
)

STUDY = contract.Study(
    name="nme_study",
    title="Where they memorize",
    lead=(
        "Whether a learner memorizes depends on its inner learning rate first "
        "of all. What it knows of training tasks with another task’s support, "
        "above chance, was memorized."
    ),
    experiment=experiment.EXPERIMENT,
    # Surgery on the gradients of tasks is another question than the inner rate.
    chosen=tuple(
        name
        for name, method in methods.METHODS.items()
        if "inner_learning_rate" in method.settings and not method.aggregator
    ),
    sweeps=(
        contract.Sweep(
            "inner_learning_rate",
            "inner_learning_rates",
            (0.01, 0.03, 0.1, 0.4),
            "Comma-separated list of step sizes of the inner loop.",
        ),
    ),
    scores=_SCORES,
    note=(
        "Accuracy in % on new tasks (meta-validation), and behind the stroke "
        "that on\ntraining tasks with another task's support set: where this "
        "is high the learner\nhas memorized."
    ),
    defaults={"eval_splits": ["meta-train", "meta-validation"]},
    pictures=(
        sweeps.picture(
            "Accuracy against the inner learning rate",
            "inner_learning_rate",
            _SCORES,
        ),
    ),
)

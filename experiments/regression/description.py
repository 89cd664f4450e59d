"""What the descriptions of experiments on regression have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from experiments.figures import curves
from experiments.run import (
    contract,
    learner_tables,
    learners,
    pac_bayes,
    settings,
)
from tfmeta import training
from tfmeta.tasks import splits

_PROBLEM = (settings.integer("shots", 5, "Support examples of a task."),)
_QUERIES = settings.integer(
    "queries", 10, "Query examples of a task in training."
)
_PRIOR_SCALE = settings.number(
    "prior_scale",
    None,
    "Sigma of the prior p(theta); by default the method's.",
)
_NOTE = """\
before: without adaptation. other support: with another task's support set.
A learner that errs little there on meta-train tasks has memorized: it reads the
task from its input, and errs where the input does not tell it. Stochastic
learners predict with the means of their posteriors."""


def _folder(values: contract.Values) -> str:
    dataset = f"{values['dataset']}-" if "dataset" in values else ""
    return f"{dataset}{values['shots']}shot-seed{values['seed']}"


def describe(
    *,
    label_range: tuple[float, float],
    defaults: Mapping[str, Any],
    methods: Mapping[str, contract.Method],
    problem: Sequence[settings.Setting] = (),
    traits: Sequence[contract.Trait] = (),
    pictures: Sequence[contract.Picture] = (),
    **further: Any,
) -> contract.Experiment:
    """Describes an experiment on tasks of regression.

    Args:
        label_range: the least label there can be, and the greatest.
        defaults: those of the flags that all have, by their names.
        methods: what it compares.
        problem: settings of its problem beside the shots.
        traits: what tells its problems apart beside the shots.
        pictures: what it draws beside the learning curves.
        **further: the further fields of `contract.Experiment`.
    """
    return contract.Experiment(
        methods=methods,
        problem=(*problem, *settings.with_defaults(_PROBLEM, defaults)),
        budget=settings.with_defaults((*learners.BUDGET, _QUERIES), defaults),
        traits=(*traits, contract.Trait("shots", "{}-shot", is_size=True)),
        folder=_folder,
        hyperparameters=(*learners.HYPERPARAMETERS, _PRIOR_SCALE),
        trainer=learners.LearnerTrainer(
            "mse",
            training.squared_error,
            loss=keras.losses.MeanSquaredError,
            error=pac_bayes.squared_error_within(*label_range),
        ),
        splits=splits.SPLITS,
        metrics=(learner_tables.MSE, *learner_tables.FURTHER),
        lines=learner_tables.lines(learner_tables.MSE),
        columns=learner_tables.columns(learner_tables.MSE),
        notes=lambda results: [_NOTE],
        further=(learner_tables.BOUNDS,),
        shown_settings=(
            "inner_learning_rate",
            "inner_steps",
            "test_inner_steps",
            "outer_learning_rate",
            "beta",
            "initial_scale",
            "prior_scale",
            "weight_decay",
            "steps",
            "meta_batch_size",
        ),
        pictures=(
            curves.picture(
                "meta-train tasks, adapted", "meta-validation tasks, adapted"
            ),
            *pictures,
        ),
        **further,
    )

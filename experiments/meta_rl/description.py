"""What experiments with policies that adapt have in common."""

from collections.abc import Callable, Sequence

from experiments.meta_rl import methods, pictures, problems, trainer
from experiments.run import contract, settings
from tfmeta.rl import policy_losses

_PER_EPOCH = settings.integer(
    "steps_per_epoch",
    10,
    "Steps from one checkpoint and point of the curves to the next.",
)
_HYPERPARAMETERS = (
    settings.number(
        "inner_learning_rate",
        None,
        "Step size of the inner step; by default the method's.",
        title="inner rate",
    ),
    settings.choice(
        "inner_loss",
        None,
        policy_losses.INNER_LOSSES,
        "What the inner step of MAML descends; by default the method's.",
    ),
    settings.number(
        "max_divergence",
        None,
        "Mean KL divergence of an outer step, in nats; by default the "
        "method's.",
        title="KL",
    ),
    settings.integer(
        "hidden_units",
        None,
        "Units of each of the policy's two hidden layers; by default the "
        "method's.",
    ).replace(title="units"),
    settings.number(
        "action_scale",
        None,
        "Standard deviation of actions at first; by default the method's.",
    ),
    settings.number(
        "discount", None, "Gamma of returns; by default the method's."
    ),
    settings.number(
        "decay",
        None,
        "Lambda of advantages; by default the method's.",
        zero=True,
    ),
)
_RETURN = contract.Metric("return", "return", decimals=1, sign=1)
_GAIN = contract.Metric("gain", "gain of one step", decimals=1, sign=1)


def describe(
    *,
    name: str,
    title: str,
    lead: str,
    load: Callable[[contract.Values], problems.Problem],
    steps: int,
    horizon: int,
    episodes: int,
    eval_episodes: int,
    defaults: contract.Values,
    chosen: Sequence[str],
    parts: Sequence[str] = (),
    splits: Sequence[str] = (),
    meta_batch_size: int | None = None,
    drawn: bool = False,
) -> contract.Experiment:
    """Describes an experiment with policies that adapt to a task.

    Args:
        name: of its command.
        title: of its chapter.
        lead: what the chapter begins with.
        load: makes the problem.
        steps: outer steps by default.
        horizon: steps of an episode by default.
        episodes: of each task, before and after the step, by default.
        eval_episodes: likewise, to score on.
        defaults: of the methods' settings.
        chosen: the methods that run by default.
        parts: the names of tasks that are scored one by one.
        splits: what is scored on, if there is a choice.
        meta_batch_size: tasks in a meta-batch, None if there are no others.
        drawn: whether there are pictures of episodes.
    """
    split = (splits or ("meta-train",))[-1]
    of_split = (split,) if splits else ()
    of_parts = [
        contract.Column(f"{part}, {when}", f"{metric}/{part}", show=show)
        for part in parts
        for when, metric, show in (
            ("before", "return_before_adaptation", "spread"),
            ("after", "return", "spread"),
            ("gain", "gain", "spread"),
        )
    ]
    means = [
        contract.Column("before", "return_before_adaptation", of_split),
        contract.Column("after", "return", of_split, is_result=True),
        contract.Column("gain", "gain", of_split),
    ]
    size = (
        []
        if meta_batch_size is None
        else [
            settings.integer(
                "meta_batch_size",
                meta_batch_size,
                "Tasks in an outer step.",
                least=2,
            ).replace(title="tasks a step")
        ]
    )
    return contract.Experiment(
        name=name,
        title=title,
        lead=lead,
        methods=methods.methods(defaults),
        chosen=chosen,
        problem=(settings.integer("horizon", horizon, "Steps of an episode."),),
        budget=(
            settings.integer("steps", steps, "Outer steps of each method."),
            _PER_EPOCH,
            *size,
            settings.integer(
                "episodes",
                episodes,
                "Episodes of each task before the inner step, and as many "
                "after it.",
            ),
            settings.integer(
                "eval_episodes",
                eval_episodes,
                "Likewise, to score on.",
                least=2,
            ),
        ),
        hyperparameters=_HYPERPARAMETERS,
        traits=(contract.Trait("horizon", "{} steps", is_size=True),),
        load=load,
        trainer=trainer.Trainer(),
        metrics=(_RETURN, _GAIN),
        lines=(*of_parts, *(means if not parts else ())),
        columns=(
            contract.Column("steps", "steps", show="setting"),
            *of_parts,
            *means,
            contract.Column("minutes", show="minutes"),
        ),
        folder=lambda values: f"{values['horizon']}-steps",
        splits=splits,
        pictures=(
            pictures.CURVES,
            pictures.returns(split),
            *([pictures.FRAMES] if drawn else ()),
        ),
        shown_settings=(
            "inner_learning_rate",
            "inner_loss",
            "max_divergence",
            "hidden_units",
        ),
    )

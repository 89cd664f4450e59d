"""What experiments with policies that adapt have in common."""

from collections.abc import Callable, Mapping, Sequence

from experiments.meta_rl import methods, pictures, problems, trainer
from experiments.run import contract, settings
from tfmeta.rl import policy_losses

_PER_EPOCH = settings.integer(
    "steps_per_epoch",
    10,
    "Steps from one checkpoint and point of the curves to the next.",
)
_TEST = (
    settings.integer(
        "test_episodes",
        10,
        "Episodes of a trial, after which a method is scored at last.",
    ),
    settings.integer(
        "score_every",
        1,
        "Episodes of a trial from one score to the next, the first being "
        "before any.",
    ),
    settings.integer(
        "eval_episodes", 3, "Episodes of each task for each score."
    ),
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
        "Units of each hidden layer, and of RL2's cell; by default the "
        "method's.",
        title="units",
    ),
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
    settings.number(
        "learning_rate",
        None,
        "Step size of RL2's and PEARL's optimizers; by default the method's.",
    ),
    settings.integer("layers", None, "Hidden layers; by default the method's."),
    settings.number(
        "reward_scale",
        None,
        "What RL2 and PEARL multiply rewards by; by default the method's.",
    ),
    settings.integer(
        "trial_episodes",
        None,
        "Episodes of a trial in training, of RL2 and PEARL; by default the "
        "method's.",
    ),
    settings.integer(
        "trials",
        None,
        "Trials of each environment in a step of RL2; by default the method's.",
    ),
    settings.integer(
        "epochs",
        None,
        "How often RL2 passes through a step's trials; by default the "
        "method's.",
    ),
    settings.integer(
        "latent_size",
        None,
        "Numbers in PEARL's latent task variable; by default the method's.",
    ),
    settings.number(
        "divergence_weight",
        None,
        "Price of a nat about the task in PEARL; by default the method's.",
        zero=True,
        title="KL weight",
    ),
    settings.integer(
        "updates",
        None,
        "PEARL's updates in a step; by default the method's.",
    ),
    settings.integer(
        "update_tasks",
        None,
        "Tasks in an update of PEARL; by default the method's.",
    ),
    settings.integer(
        "batch_size",
        None,
        "Transitions of each task in an update of PEARL; by default the "
        "method's.",
    ),
    settings.integer(
        "context_size",
        None,
        "Most rows of a context in an update of PEARL; by default the "
        "method's.",
    ),
)
_RETURN = contract.Metric("return", "return", decimals=1, sign=1)
_GAIN = contract.Metric("gain", "gain of adapting", decimals=1, sign=1)
_SUCCESS = contract.Metric("success", "success", decimals=2, sign=1)


def describe(
    *,
    name: str,
    title: str,
    lead: str,
    load: Callable[[contract.Values], problems.Problem],
    steps: int,
    horizon: int,
    episodes: int,
    described: Mapping[str, methods.Method],
    chosen: Sequence[str],
    test: contract.Values | None = None,
    parts: Sequence[str] = (),
    splits: Sequence[str] = (),
    meta_batch_size: int | None = None,
    problem: Sequence[settings.Setting] = (),
    traits: Sequence[contract.Trait] = (),
    succeeds: bool = False,
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
        episodes: of each task before and after MAML's step by default.
        described: the methods by name.
        chosen: the methods that run by default.
        test: other defaults of what is scored.
        parts: the names of tasks that are scored one by one.
        splits: what is scored on, if there is a choice.
        meta_batch_size: tasks in a meta-batch, None if there are no others.
        problem: further settings of what is to be learned.
        traits: of these.
        succeeds: whether episodes can succeed.
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
        *(
            contract.Column(f"after {count}", f"return_after_{count}", of_split)
            for count in (1, 2)
        ),
        contract.Column("after", "return", of_split, is_result=True),
        contract.Column("gain", "gain", of_split),
        *(
            [
                contract.Column(
                    "success before", "success_before_adaptation", of_split
                ),
                contract.Column("success after", "success", of_split),
            ]
            if succeeds
            else []
        ),
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
                title="tasks a step",
            )
        ]
    )
    return contract.Experiment(
        name=name,
        title=title,
        lead=lead,
        methods=described,
        chosen=chosen,
        problem=(
            settings.integer("horizon", horizon, "Steps of an episode."),
            *problem,
        ),
        budget=(
            settings.integer("steps", steps, "Outer steps of each method."),
            _PER_EPOCH,
            *size,
            settings.integer(
                "episodes",
                episodes,
                "Episodes of each task before MAML's inner step, and as many "
                "after it.",
            ),
            *settings.with_defaults(_TEST, test or {}),
        ),
        hyperparameters=_HYPERPARAMETERS,
        traits=(
            *traits,
            contract.Trait("horizon", "{} steps", is_size=True),
        ),
        load=load,
        trainer=trainer.Trainer(),
        metrics=(_RETURN, _GAIN, _SUCCESS),
        lines=(*of_parts, *(means if not parts else ())),
        columns=(
            contract.Column("steps", "steps", show="setting"),
            *of_parts,
            *means,
            contract.Column("minutes", show="minutes"),
        ),
        folder=lambda values: "-".join(
            [
                *(str(values[trait.name]) for trait in traits),
                f"{values['horizon']}-steps",
            ]
        ),
        splits=splits,
        pictures=(
            pictures.CURVES,
            pictures.ADAPTING,
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

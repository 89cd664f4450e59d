"""The description of the experiment on tasks of an arm learned together."""

from collections.abc import Sequence

from experiments.figures import bars, conflicts
from experiments.multitask_rl import (
    conflict_tables,
    evaluations,
    methods,
    pictures,
    problems,
    trainer,
)
from experiments.run import contract, rows, settings
from tfmeta import errors
from tfmeta.environments.metaworld import loading

# Sodhani et al. 2021 ("Multi-Task Reinforcement Learning with Context-based
# Representations", CARE), tables of MT10 and MT50 at 100,000, 500,000 and two
# million steps in each task.
_STEPS = (100_000, 500_000, 2_000_000)
_CARE = {
    ("sac", "mt10"): (0.13, 0.38, 0.49),
    ("sac_multi_head", "mt10"): (0.17, 0.44, 0.61),
    ("sac_pcgrad", "mt10"): (0.20, 0.53, 0.72),
    ("sac", "mt50"): (0.13, 0.28, 0.36),
    ("sac_pcgrad", "mt50"): (0.21, 0.47, 0.50),
}
_PUBLISHED = tuple(
    contract.Published(
        method,
        {
            "benchmark": benchmark,
            "reward_version": "v1",
            "horizon": 150,
            "steps": steps,
        },
        success,
        split=trainer.SPLIT,
    )
    for (method, benchmark), successes in _CARE.items()
    for steps, success in zip(_STEPS, successes, strict=True)
)
_PUBLISHED_NOTE = """\
The published figures are those of Sodhani et al. (2021) at the same reward,
horizon and number of steps: the best evaluation till then, where ours are the
mean of the last five."""

_PROBLEM = (
    settings.text(
        "benchmark",
        "mt5",
        f"One of {', '.join(problems.BENCHMARKS)}, or a comma-separated list "
        "of tasks, such as reach-v3,window-open-v3. mt5: "
        f"{', '.join(problems.BENCHMARKS['mt5'])}.",
    ),
    settings.choice(
        "reward_version",
        "v2",
        loading.REWARD_VERSIONS,
        "Of Meta-World: v1 rewards reach 1200 and differ by task, v2 rewards "
        "are from 0 to 10.",
        title="rewards",
    ),
    settings.integer(
        "horizon", 200, f"Steps of an episode, at most {loading.MAX_HORIZON}."
    ),
    settings.integer(
        "goals", 50, "Goals of each task, which episodes draw.", least=2
    ),
    settings.integer("steps", 50_000, "Steps in each task's environment."),
)
_BUDGET = (
    settings.integer(
        "steps_per_epoch",
        2_500,
        "Steps from one evaluation and checkpoint to the next.",
    ),
    settings.integer(
        "eval_goals",
        5,
        "Goals of each task to be scored on, once each; by the field's "
        "protocol all of them.",
        least=2,
        title="goals scored",
    ),
)
_HYPERPARAMETERS = (
    settings.integers(
        "hidden",
        None,
        "Units of the hidden layers; 128,128.",
        title="hidden units",
    ),
    settings.integers(
        "critic_hidden",
        None,
        "Those of tuned SAC's critics; twice the actor's.",
        title="critics' units",
    ),
    settings.number("learning_rate", None, "Adam's, of all networks; 0.0005."),
    settings.number(
        "temperature_learning_rate",
        None,
        "Adam's, of SAC's temperatures; 0.0003.",
    ),
    settings.number(
        "initial_temperature", None, "SAC's temperature at first; 0.1."
    ),
    settings.number("discount", None, "Gamma; 0.98."),
    settings.number(
        "reward_scale",
        None,
        "What SAC multiplies rewards by; 0.1, of tuned SAC 1.",
    ),
    settings.switch(
        "normalize_observations",
        None,
        "Whether SAC's networks see observations less their mean, over their "
        "deviation; false.",
    ),
    settings.switch(
        "normalize_rewards",
        None,
        "Whether tuned SAC divides each task's rewards by the mean of their "
        "absolute values; true.",
    ),
    settings.number(
        "actor_weight_decay",
        None,
        "Weight decay of tuned SAC's actor, Adam's; 0.0003.",
        zero=True,
    ),
    settings.integer(
        "batch_size",
        None,
        "Transitions of each task in an update; 32.",
        title="rows a task",
    ),
    settings.integer(
        "warm_up",
        None,
        "Steps before SAC's first update; 1000.",
        title="steps of warm-up",
    ),
    settings.integer(
        "capacity",
        None,
        "Transitions of each task in SAC's replay; a million.",
        title="transitions a task",
    ),
    settings.integer(
        "updates_per_call",
        None,
        "SAC's updates in one call, after as many steps; 5.",
        title="updates a call",
    ),
    settings.integer(
        "rollout_steps",
        None,
        "Steps in each task between two improvements of PPO and TRPO; 2000.",
        title="steps a rollout",
    ),
    settings.integer(
        "minibatches",
        None,
        "Parts of a rollout, one by one, that PPO's policy and the value "
        "networks learn from; 32.",
    ),
    settings.number(
        "decay", None, "Lambda of their advantages; 0.97 and 0.95.", zero=True
    ),
    settings.number(
        "action_scale", None, "Deviation of their actions at first; 1."
    ),
    settings.number(
        "entropy_weight", None, "Weight of PPO's entropy; 0.005.", zero=True
    ),
    settings.number(
        "max_divergence",
        None,
        "Mean divergence of TRPO's steps; 0.01.",
        title="KL",
    ),
)


def _check(values: contract.Values) -> None:
    """Checks what would be found out only after others have been trained.

    Raises:
        InputError: if values do not fit together.
    """
    if values["eval_goals"] > values["goals"]:
        raise errors.InputError(
            f"--eval_goals={values['eval_goals']}: expected at most "
            f"--goals={values['goals']}"
        )
    for name in values["methods"]:
        chosen = methods.METHODS[name].choose(values)
        rollout, epoch = chosen.get("rollout_steps"), values["steps_per_epoch"]
        if rollout and epoch % rollout:
            raise errors.InputError(
                f"--steps_per_epoch={epoch}: expected a multiple of "
                f"--rollout_steps={rollout}, or {name} could not be scored "
                "between two epochs"
            )
        if rollout and chosen["minibatches"] > rollout:
            raise errors.InputError(
                f"--minibatches={chosen['minibatches']}: expected at most "
                f"--rollout_steps={rollout}"
            )
        if chosen.get("warm_up", epoch) < chosen.get("batch_size", 0):
            raise errors.InputError(
                f"--warm_up={chosen['warm_up']}: expected --batch_size="
                f"{chosen['batch_size']} or more"
            )


def _page_notes(results: Sequence[rows.Row]) -> list[str]:
    """Returns how the numbers came about."""
    budgets = {
        f"{row['budget']['eval_goals']} training goals of each task, every "
        f"{row['budget']['steps_per_epoch']:,} steps"
        for row in results
    }
    return [
        "An episode succeeds if any of its steps does; beside it, if its last "
        f"step does. In %, means over tasks and the last {evaluations.LAST} "
        f"evaluations, mean ± standard deviation over seeds. Evaluated on "
        f"{'; '.join(sorted(budgets))}, once each, with the likeliest actions. "
        "IQM: interquartile mean over tasks and seeds, with its 95 % interval "
        "by a stratified bootstrap over seeds. Commits "
        f"{rows.short_commits(results)}."
    ]


_METRICS = (
    contract.Metric("success", "success in %", 100, 1, 1),
    contract.Metric("return", "return", decimals=0, sign=1),
    *conflict_tables.METRICS,
)
# Tables that do not agree in rewards and horizon cannot be compared.
_TASKS = contract.Column("tasks", show="problem")
_BY_TASK = contract.Column("by task", "success/", show="range")
_AT_THE_END = contract.Column("at the last step", "success_at_last_step")
_RETURN = contract.Column("return", "return")
_MINUTES = contract.Column("min", show="minutes")

EXPERIMENT = contract.Experiment(
    name="metaworld_multitask",
    title="One policy for several tasks of an arm",
    lead=(
        "An arm learns tasks of Meta-World (Yu et al. 2019) with one network, "
        "by acting in all of them. What the tasks share, how their gradients "
        "are combined, and the same baseline tuned: by one protocol, at one "
        "number of steps."
    ),
    methods=methods.METHODS,
    chosen=("sac", "sac_pcgrad"),
    problem=_PROBLEM,
    budget=_BUDGET,
    hyperparameters=_HYPERPARAMETERS,
    traits=(
        contract.Trait(
            "benchmark", titles={n: n.upper() for n in problems.BENCHMARKS}
        ),
        contract.Trait("reward_version", "{} rewards"),
        contract.Trait("horizon", "horizon {}"),
        contract.Trait("steps", "{:,} steps a task"),
    ),
    load=problems.load,
    trainer=trainer.Trainer(),
    metrics=_METRICS,
    lines=(
        _TASKS,
        contract.Column("success", "success"),
        _BY_TASK,
        _AT_THE_END,
        _RETURN,
        contract.Column("paper", show="paper"),
        _MINUTES,
    ),
    columns=(
        _TASKS,
        contract.Column("success", "success", is_result=True),
        contract.Column("IQM", "success/", show="interquartile"),
        _BY_TASK,
        _AT_THE_END,
        _RETURN,
        contract.Column("seeds", show="seed numbers"),
        _MINUTES,
        contract.Column("paper", show="paper"),
    ),
    folder=lambda values: (
        f"{values['benchmark']}-{values['reward_version']}-"
        f"{values['horizon']}-seed{values['seed']}"
    ),
    check=_check,
    published=_PUBLISHED,
    published_note=_PUBLISHED_NOTE,
    page_notes=_page_notes,
    pictures=(
        bars.picture(
            bars.Bar(
                trainer.SPLIT, "success", "at any step (dots: tasks)", "C0"
            ),
            bars.Bar(
                trainer.SPLIT,
                "success_at_last_step",
                "at the last step",
                "#7fb2d9",
            ),
        ),
        pictures.CURVES,
        pictures.TASKS,
        conflicts.CONFLICTS,
    ),
    shown_settings=(
        "hidden",
        "critic_hidden",
        "batch_size",
        "learning_rate",
        "reward_scale",
        "discount",
    ),
    further=(conflict_tables.TABLE,),
    # A core each.
    jobs=0,
)

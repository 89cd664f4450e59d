"""Soft actor-critic, as methods of the experiment."""

from collections.abc import Sequence

import keras

from experiments.multitask_rl import problems
from experiments.run import contract
from tfmeta import rl

# Settings that are arguments of the agent, by the same names.
_OF_AGENT = (
    "hidden",
    "critic_hidden",
    "discount",
    "initial_temperature",
    "reward_scale",
    "normalize_observations",
    "normalize_rewards",
)
# Likewise of `fit`.
_OF_FIT = ("batch_size", "warm_up", "capacity", "updates_per_call")
DEFAULTS = {
    "hidden": (128, 128),
    "learning_rate": 5e-4,
    "temperature_learning_rate": 3e-4,
    # A step of 12.5 ms changes returns little: a higher temperature leaves
    # actions as good as uniform for long.
    "initial_temperature": 0.1,
    "discount": 0.98,
    "reward_scale": 0.1,
    "normalize_observations": False,
    "batch_size": 32,
    "warm_up": 1000,
    "capacity": 1_000_000,
    "updates_per_call": 5,
}
# After Kurin et al. 2022, "In Defense of the Unitary Scalarization for Deep
# Multi-Task Learning", with a larger critic after "Multi-Task Reinforcement
# Learning Enables Parameter Scaling", 2025; nothing was searched for here.
# Adam's weight decay is decoupled: so little hardly moves weights at this rate.
# What is set of it alone, as by --nonormalize_rewards, is its ablation.
TUNED = DEFAULTS | {
    # By the mean of each task's: there is nothing left to scale.
    "reward_scale": 1.0,
    "normalize_rewards": True,
    "actor_weight_decay": 3e-4,
    "critic_hidden": lambda chosen: tuple(
        2 * units for units in chosen["hidden"]
    ),
}


def build(
    settings: contract.Values,
    problem: problems.Problem,
    seed: int,
    *,
    per_task_from: int | None = None,
) -> rl.SAC:
    """Returns an agent for all tasks.

    Args:
        settings: the method's.
        problem: the tasks.
        seed: fixes the noise of actions.
        per_task_from: the first layer of which each task has its own, see
            `tfmeta.rl.SAC`.
    """
    first = problem.train[0]
    return rl.SAC(
        first.observation_size,
        first.action_size,
        len(problem.train),
        per_task_from=per_task_from,
        seed=seed,
        **{name: settings[name] for name in _OF_AGENT if name in settings},
    )


def compile_agent(
    agent: rl.SAC, job: contract.Job
) -> dict[str, keras.optimizers.Optimizer]:
    """Says how an agent learns: what combines its tasks' gradients.

    Returns:
        The optimizer of each network whose tasks may conflict, by its name.
    """

    def optimizer(weight_decay=None):
        adam = keras.optimizers.Adam(
            job.settings["learning_rate"], weight_decay=weight_decay
        )
        if job.method.aggregator is None:
            return adam
        # As SAC without surgery, whose losses are averaged.
        return job.method.aggregator(adam, reduction="mean", seed=job.seed)

    by_network = {
        "critic": optimizer(),
        # Zero is none.
        "actor": optimizer(job.settings.get("actor_weight_decay") or None),
    }
    agent.compile(
        by_network["actor"],
        by_network["critic"],
        keras.optimizers.Adam(job.settings["temperature_learning_rate"]),
    )
    return by_network


def fit(
    agent: rl.SAC,
    job: contract.Job,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Lets an agent learn, or go on from its last checkpoint."""
    agent.fit(
        job.problem.train,
        steps=job.budget.steps,
        seed=job.seed,
        steps_per_epoch=job.budget.steps_per_epoch,
        callbacks=callbacks,
        checkpoints=job.folder / "checkpoints",
        **{name: job.settings[name] for name in _OF_FIT},
    )

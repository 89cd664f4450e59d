"""Soft actor-critic, as methods of the experiment."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from experiments.multitask_rl import problems
from experiments.run import contract
from tfmeta import rl
from tfmeta.rl import policies, task_inputs

DEFAULTS = {
    "hidden": (128, 128),
    "learning_rate": 5e-4,
    # Ten times the entropy's rate would take the temperature to .002 before
    # the harder tasks have been met.
    "temperature_learning_rate": 1e-4,
    "initial_temperature": 1.0,
    "discount": 0.98,
    "reward_scale": 0.1,
    "normalize_observations": False,
    "batch_size": 32,
    "warm_up": 1000,
    "capacity": 1_000_000,
    "updates_per_call": 5,
}
# The baseline tuned as hard as surgery (Kurin et al. 2022, "In Defense of the
# Unitary Scalarization for Deep Multi-Task Learning"; a larger critic after
# "Multi-Task Reinforcement Learning Enables Parameter Scaling", 2025). What is
# set of it alone, as by --nonormalize_rewards, is its ablation.
TUNED = DEFAULTS | {
    # By the deviation of each task's: there is nothing left to scale.
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
    first_own_layer: Callable[[Sequence[int]], int] | None = None,
) -> rl.SAC:
    """Returns an agent for all tasks.

    Args:
        settings: the method's.
        problem: the tasks.
        seed: fixes the noise of actions.
        first_own_layer: from the units of hidden layers to the number of the
            first layer of which each task has its own; None: tasks share all,
            and are told apart by a one-hot vector.
    """
    first, tasks = problem.train[0], len(problem.train)
    hidden = settings["hidden"]
    further: dict[str, Any] = {}
    if first_own_layer is not None:
        further["per_task_from"] = first_own_layer(hidden)
    if "normalize_rewards" in settings:
        further["normalize_rewards"] = settings["normalize_rewards"]
    if "critic_hidden" in settings:
        inputs = first.observation_size + task_inputs.size(tasks)
        further["critics"] = [
            policies.perceptron(
                inputs + first.action_size,
                1,
                settings["critic_hidden"],
                name=f"critic{number}",
            )
            for number in (1, 2)
        ]
    return rl.SAC(
        first.observation_size,
        first.action_size,
        tasks,
        hidden=hidden,
        discount=settings["discount"],
        initial_temperature=settings["initial_temperature"],
        reward_scale=settings["reward_scale"],
        normalize_observations=settings["normalize_observations"],
        seed=seed,
        **further,
    )


def compile_agent(agent: rl.SAC, job: contract.Job) -> None:
    """Says how an agent learns: what combines its tasks' gradients."""

    def optimizer(weight_decay=None):
        adam = keras.optimizers.Adam(
            job.settings["learning_rate"], weight_decay=weight_decay
        )
        if job.method.aggregator is None:
            return adam
        # As SAC without surgery, whose losses are averaged.
        return job.method.aggregator(adam, reduction="mean", seed=job.seed)

    agent.compile(
        # Zero is none.
        optimizer(job.settings.get("actor_weight_decay") or None),
        optimizer(),
        keras.optimizers.Adam(job.settings["temperature_learning_rate"]),
    )


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
        **{
            name: job.settings[name]
            for name in (
                "batch_size",
                "warm_up",
                "capacity",
                "updates_per_call",
            )
        },
    )

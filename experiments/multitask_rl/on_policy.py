"""PPO and TRPO, as methods of the experiment."""

from collections.abc import Sequence
from typing import Any

import keras

from experiments.multitask_rl import problems
from experiments.run import contract
from tfmeta import rl

DEFAULTS = {
    "hidden": (128, 128),
    "discount": 0.98,
    "decay": 0.95,
    "action_scale": 1.0,
    "rollout_steps": 2000,
    "minibatches": 32,
}
# Yu et al. (2019, appendix of the second version), but for the networks' size
# and the steps of an iteration, of which there they are 10,000 in each task.
PPO = DEFAULTS | {
    "decay": 0.97,
    "learning_rate": 5e-4,
    "entropy_weight": 5e-3,
}
TRPO = DEFAULTS | {"max_divergence": 0.01}


def _arguments(
    settings: contract.Values, problem: problems.Problem
) -> dict[str, Any]:
    first = problem.train[0]
    return {
        "observation_size": first.observation_size,
        "action_size": first.action_size,
        "tasks": len(problem.train),
        "hidden": settings["hidden"],
        "scale": settings["action_scale"],
        "discount": settings["discount"],
        "decay": settings["decay"],
    }


def build_ppo(
    settings: contract.Values, problem: problems.Problem, seed: int
) -> rl.PPO:
    """Returns an agent for all tasks."""
    del seed  # All that is drawn is drawn by Keras, or in `fit`.
    return rl.PPO(**_arguments(settings, problem))


def build_trpo(
    settings: contract.Values, problem: problems.Problem, seed: int
) -> rl.TRPO:
    """Returns an agent for all tasks."""
    del seed
    return rl.TRPO(**_arguments(settings, problem))


def compile_ppo(
    agent: rl.PPO, job: contract.Job
) -> dict[str, keras.optimizers.Optimizer]:
    """Says how an agent learns; returns its policy's optimizer."""
    optimizer = keras.optimizers.Adam(job.settings["learning_rate"])
    agent.compile(
        optimizer,
        entropy_weight=job.settings["entropy_weight"],
        minibatches=job.settings["minibatches"],
    )
    return {"policy": optimizer}


def compile_trpo(
    agent: rl.TRPO, job: contract.Job
) -> dict[str, keras.optimizers.Optimizer]:
    """Says how an agent learns; no optimizer makes its policy's steps."""
    agent.compile(
        max_divergence=job.settings["max_divergence"],
        baseline_minibatches=job.settings["minibatches"],
    )
    return {}


def fit(
    agent: rl.PPO | rl.TRPO,
    job: contract.Job,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Lets an agent learn, or go on from its last checkpoint."""
    steps = job.settings["rollout_steps"]
    agent.fit(
        job.problem.train,
        iterations=job.budget.steps // steps,
        steps_per_iteration=steps,
        seed=job.seed,
        callbacks=callbacks,
        checkpoints=job.folder / "checkpoints",
        save_every=job.budget.steps_per_epoch // steps,
    )

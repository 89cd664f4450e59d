"""Short runs that can be stopped: two tasks, surgery, episodes."""

import keras
import numpy as np

from tfmeta import environments, optimizers
from tfmeta.rl.agents import policy_maml, sac


def robots():
    """Returns two tasks, none of whose episodes ends with an epoch."""
    return [
        environments.PointRobot(
            "dense",
            environments.sample_goals("dense", 3, seed=seed),
            horizon=7 + 4 * seed,
            name=f"robot{seed}",
        )
        for seed in range(2)
    ]


def agent(**given):
    """Returns a compiled agent."""
    keras.utils.set_random_seed(0)
    made = sac.SAC(
        2,
        2,
        2,
        **{
            "hidden": (16, 16),
            "per_task_from": -1,
            "normalize_observations": True,
            "normalize_rewards": True,
        }
        | given,
    )
    made.compile(
        *(optimizers.PCGrad(keras.optimizers.Adam(1e-3)) for _ in range(2)),
        jit_compile=False,
    )
    return made


def maml():
    """Returns a compiled meta-learner."""
    keras.utils.set_random_seed(0)
    made = policy_maml.PolicyMAML(2, 2, hidden=(16,))
    made.compile(jit_compile=False)
    return made


def fit(made, each, folder, **given):
    """Runs it, and returns the episodes."""
    return made.fit(
        each,
        checkpoints=folder,
        **{
            "steps": 100,
            "batch_size": 8,
            "warm_up": 10,
            "updates_per_call": 2,
            "steps_per_epoch": 25,
            "capacity": 60,
            "verbose": 0,
        }
        | given,
    )


def values(made) -> list[np.ndarray]:
    """Returns all that it has learned, optimizers' state included."""
    return [variable.numpy() for variable in made.variables]


def without_seconds(reports) -> list[dict[str, float]]:
    """Returns reports of iterations without what no seed fixes."""
    return [
        {name: value for name, value in report.items() if name != "seconds"}
        for report in reports
    ]

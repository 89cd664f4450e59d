"""What is compared where policies adapt."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from experiments.meta_rl import problems, told
from experiments.run import contract
from tfmeta import rl
from tfmeta.rl import adapting, trust_region

Reports = list[dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Method(contract.Method):
    """A way to a policy that adapts to a task.

    Attributes:
        fit: trains what `build` made: from it, the job and the arguments that
            all agents' `fit` has, to its reports; None if it learns nothing.
        knows: makes what acts of the very goals of the tasks, instead of what
            `build` made; None for those that must find out.
        draws: whether what is scored draws its actions, as those do that were
            trained by what they drew; else it takes the likeliest.
    """

    fit: Callable[[Any, contract.Job, dict[str, Any]], Reports] | None = None
    knows: (
        Callable[[Sequence[problems.Task]], adapting.AdaptiveAgent] | None
    ) = None
    draws: bool = True


def _build_maml(inner_steps: int):
    def build(settings: contract.Values, problem: Any, seed: int):
        del seed  # All that is drawn is drawn by Keras, or in `fit`.
        first = problem.train[0]
        agent = rl.PolicyMAML(
            first.observation_size,
            first.action_size,
            inner_learning_rate=settings["inner_learning_rate"],
            inner_steps=inner_steps,
            test_steps=1,
            inner_loss=settings.get("inner_loss", "log_density"),
            hidden=[settings["hidden_units"]] * settings["layers"],
            scale=settings["action_scale"],
            discount=settings["discount"],
            decay=settings["decay"],
        )
        step = None
        if "max_divergence" in settings:
            step = trust_region.TrustRegion(settings["max_divergence"])
        agent.compile(step)
        return agent

    return build


def _build_rl2(settings: contract.Values, problem: Any, seed: int):
    del seed
    first = problem.train[0]
    agent = rl.RL2(
        first.observation_size,
        first.action_size,
        units=settings["hidden_units"],
        scale=settings["action_scale"],
        discount=settings["discount"],
        decay=settings["decay"],
        reward_scale=settings["reward_scale"],
    )
    rate = settings["learning_rate"]
    agent.compile(
        keras.optimizers.Adam(rate),
        keras.optimizers.Adam(rate),
        epochs=settings["epochs"],
    )
    return agent


def _build_pearl(settings: contract.Values, problem: Any, seed: int):
    first = problem.train[0]
    agent = rl.PEARL(
        first.observation_size,
        first.action_size,
        latent_size=settings["latent_size"],
        hidden=[settings["hidden_units"]] * settings["layers"],
        discount=settings["discount"],
        # Of 1, rewards such as these would not be seen for long.
        initial_temperature=0.1,
        reward_scale=settings["reward_scale"],
        divergence_weight=settings["divergence_weight"],
        seed=seed,
    )
    rate = settings["learning_rate"]
    agent.compile(*(keras.optimizers.Adam(rate) for _ in range(3)))
    return agent


def _fit_maml(rounds: int):
    """Returns what trains a policy that plays `rounds` times in a step.

    All play as many episodes in a step, whether they adapt in it or not.
    """

    def fit(agent: Any, job: contract.Job, common: dict[str, Any]) -> Reports:
        return agent.fit(
            job.problem.train,
            episodes=job.problem.values["episodes"] * 2 // rounds,
            **common,
        )

    return fit


def _fit_rl2(agent: Any, job: contract.Job, common: dict[str, Any]) -> Reports:
    return agent.fit(
        job.problem.train,
        episodes=job.settings["trial_episodes"],
        trials=job.settings["trials"],
        **common,
    )


def _fit_pearl(
    agent: Any, job: contract.Job, common: dict[str, Any]
) -> Reports:
    return agent.fit(
        job.problem.shared_out,
        episodes=job.settings["trial_episodes"],
        updates=job.settings["updates"],
        updates_per_call=math.gcd(50, job.settings["updates"]),
        meta_batch_size=job.settings["update_tasks"],
        batch_size=job.settings["batch_size"],
        context_size=job.settings["context_size"],
        **common,
    )


def methods(
    maml: contract.Values,
    rl2: contract.Values,
    pearl: contract.Values,
    *,
    points: bool = False,
) -> dict[str, Method]:
    """Returns the methods by name.

    Args:
        maml: defaults of MAML's settings: the inner step's, and
            `max_divergence` of the outer one.
        rl2: defaults of RL2's.
        pearl: defaults of PEARL's.
        points: whether the tasks are those of point robots, for which it is
            known what to do.
    """
    inner = {
        name: value for name, value in maml.items() if name != "max_divergence"
    }
    found = {
        "maml": Method(
            "MAML",
            _build_maml(1),
            {**maml, "inner_loss": "log_density"},
            fit=_fit_maml(2),
        ),
        "maml_lvc": Method(
            "MAML, low-variance curvature",
            _build_maml(1),
            {**maml, "inner_loss": "lvc"},
            fit=_fit_maml(2),
        ),
        "maml_dice": Method(
            "MAML, DiCE",
            _build_maml(1),
            {**maml, "inner_loss": "dice"},
            fit=_fit_maml(2),
        ),
        "rl2": Method("RL2", _build_rl2, rl2, fit=_fit_rl2),
        # As its paper scores it, by what it knows best.
        "pearl": Method(
            "PEARL", _build_pearl, pearl, fit=_fit_pearl, draws=False
        ),
        "joint": Method(
            "one policy for all tasks", _build_maml(0), maml, fit=_fit_maml(1)
        ),
        "untrained": Method("from random weights", _build_maml(0), inner),
    }
    if points:
        found["told"] = Method(
            "a policy that is told the goal",
            lambda settings, problem, seed: None,
            {},
            knows=lambda tasks: told.ToldPoint(
                np.array([task.environment.goals[task.goal] for task in tasks])
            ),
        )
    return found

"""What is compared where policies adapt."""

import dataclasses
from typing import Any

from experiments.run import contract
from tfmeta import rl
from tfmeta.rl import trust_region


@dataclasses.dataclass(frozen=True)
class Method(contract.Method):
    """A way to a policy that adapts by a step of the policy gradient.

    Attributes:
        learns: whether it is trained at all.
        rounds: how often it plays in a step of training: all methods take as
            many steps in environments.
    """

    learns: bool = True
    rounds: int = 2


def _build(inner_steps: int):
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
            hidden=(settings["hidden_units"],) * 2,
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


def methods(defaults: contract.Values) -> dict[str, Method]:
    """Returns the methods by name.

    Args:
        defaults: of their settings: the inner step's, and `max_divergence` of
            the outer one.
    """
    inner = {
        name: value
        for name, value in defaults.items()
        if name != "max_divergence"
    }
    return {
        "maml": Method(
            "MAML", _build(1), {**defaults, "inner_loss": "log_density"}
        ),
        "maml_lvc": Method(
            "MAML, low-variance curvature",
            _build(1),
            {**defaults, "inner_loss": "lvc"},
        ),
        "maml_dice": Method(
            "MAML, DiCE", _build(1), {**defaults, "inner_loss": "dice"}
        ),
        "joint": Method(
            "one policy for all tasks", _build(0), defaults, rounds=1
        ),
        "untrained": Method(
            "from random weights", _build(0), inner, learns=False
        ),
    }

"""What is compared where tasks of an arm are learned together."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from experiments.multitask_rl import off_policy, on_policy
from experiments.run import contract, surgery


class Learner(NamedTuple):
    """How agents of a kind learn.

    Attributes:
        compile: says how an agent learns, and returns the optimizers of its
            networks by their names.
        fit: lets it learn, with callbacks, or go on from a checkpoint in the
            job's folder.
    """

    compile: Callable[
        [Any, contract.Job], Mapping[str, keras.optimizers.Optimizer]
    ]
    fit: Callable[[Any, contract.Job, Sequence[keras.callbacks.Callback]], None]


@dataclasses.dataclass(frozen=True)
class Method(contract.Method):
    """A way to a policy for several tasks.

    Attributes:
        learner: how its agent learns.
    """

    learner: Learner = dataclasses.field(kw_only=True)


_SAC = Learner(off_policy.compile_agent, off_policy.fit)


def _sac(
    title: str,
    per_task_from: int | None = None,
    *,
    settings: contract.Values = off_policy.DEFAULTS,
    surgery_name: str | None = None,
) -> Method:
    by = None if surgery_name is None else surgery.SURGERIES[surgery_name]
    return Method(
        title if by is None else f"{title} + {by.title}",
        functools.partial(off_policy.build, per_task_from=per_task_from),
        settings,
        by and by.aggregator,
        learner=_SAC,
    )


METHODS: dict[str, Method] = {
    "sac": _sac("SAC"),
    "sac_multi_head": _sac("multi-head SAC", -1),
    "independent": _sac("SAC, an agent for each task", 0),
    **{
        f"sac_{name}": _sac("SAC", surgery_name=name)
        for name in surgery.SURGERIES
    },
    "sac_tuned": _sac("tuned SAC", settings=off_policy.TUNED),
    "sac_tuned_pcgrad": _sac(
        "tuned SAC", settings=off_policy.TUNED, surgery_name="pcgrad"
    ),
    "ppo": Method(
        "PPO",
        on_policy.build_ppo,
        on_policy.PPO,
        learner=Learner(on_policy.compile_ppo, on_policy.fit),
    ),
    "trpo": Method(
        "TRPO",
        on_policy.build_trpo,
        on_policy.TRPO,
        learner=Learner(on_policy.compile_trpo, on_policy.fit),
    ),
}

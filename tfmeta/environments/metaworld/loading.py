"""Loads tasks of Meta-World."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmeta import errors
from tfmeta.environments import arguments, environment

REWARD_VERSIONS = ("v1", "v2")
GOALS = ("shown", "hidden")
SPLITS = ("train", "test")
MULTI_TASK_BENCHMARKS = ("MT10", "MT25", "MT50")
META_BENCHMARKS = ("ML10", "ML25", "ML45")
MAX_HORIZON = 500


def load_metaworld(
    tasks: str | Sequence[str],
    *,
    reward_version: str,
    horizon: int,
    goal: str,
    split: str = "train",
    goals: int = 50,
    seed: int = 0,
    render_mode: str | None = None,
) -> list[environment.Environment]:
    """Returns tasks of Meta-World (Yu et al. 2019), an environment each.

    What it gives are the simulations of metaworld 3.1.1, bit for bit, about
    twice as fast. Observations have 39 numbers; which task it is, they do not
    say: that is the agent's to add.

    Reward version, horizon and whether the goal is seen have no defaults, for
    tables that do not agree in them cannot be compared ("?": not found out):

    | table | reward | horizon |
    |---|---|---|
    | Meta-World's paper of 2021 (arXiv 1910.10897v2) | v2 | 500 |
    | CARE (Sodhani et al. 2021) | v1 | 150 |
    | CAGrad (Liu et al. 2021), its table 3 | v1 | 150 |
    | PaCo (Sun et al. 2022) | ? | 150 |
    | Meta-World+ (McLean et al. 2025) | v1 and v2, a column each | ? |

    The package shows the goal in MT and hides it in ML; where the older papers
    differ from that, their tables do not say.
    v1 rewards reach 1200 and differ by task, v2 rewards are from 0 to 10.

    The goals of a task follow from its name, the split and the seed alone, and
    not from what other tasks there are. They are not those that the package
    draws, from NumPy's one generator. By the field's protocol there are 50, in
    multi-task learning the same for training and evaluation; an episode draws
    one of them. In meta-learning each is a task: `reset(options={"goal": i})`.

    Args:
        tasks: a list of names, such as `["reach-v3"]`; or a benchmark:
            `"MT10"`, `"MT25"`, `"MT50"`, `"ML10"`, `"ML25"` or `"ML45"`. ML1 is
            a list of one name, whose splits have other goals.
        reward_version: `"v1"` or `"v2"`.
        horizon: steps of an episode, 12.5 ms each, 1 to 500.
        goal: whether observations have the goal's position: `"shown"`, as in
            the MT benchmarks, or `"hidden"`, as in the ML benchmarks: zeros.
        split: `"train"` or `"test"`. The ML benchmarks but ML1 have other tasks
            there, the MT benchmarks none.
        goals: how many goals a task has. Meta-World's protocol for ML has 50
            to train on, 40 to test.
        seed: fixes the goals.
        render_mode: `"rgb_array"` for pictures.

    Returns:
        Environments in the order of the names or, for a benchmark, that of the
        package.

    Raises:
        InputError: if an argument is out of range, a task is unknown, or the
            extra `rl` is missing.
    """
    arguments.check_choice("reward_version", reward_version, REWARD_VERSIONS)
    arguments.check_choice("goal", goal, GOALS)
    arguments.check_choice("split", split, SPLITS)
    arguments.check_horizon(horizon, MAX_HORIZON)
    arguments.check_count("goals", goals)
    arguments.check_seed(seed)
    classes = _find_classes(tasks, split)
    # They import the package, which is heavy and may be missing.
    from tfmeta.environments.metaworld import meta_world_environment

    return [
        meta_world_environment.MetaWorldEnvironment(
            name,
            task_class,
            reward_version=reward_version,
            horizon=horizon,
            goal_shown=goal == "shown",
            goals=goals,
            generator=_generator(name, split, seed),
            render_mode=render_mode,
        )
        for name, task_class in classes.items()
    ]


def list_metaworld_tasks(
    benchmark: str = "MT50", split: str = "train"
) -> list[str]:
    """Returns the names of a benchmark's tasks.

    Args:
        benchmark: one of `MULTI_TASK_BENCHMARKS` or `META_BENCHMARKS`.
        split: `"train"` or, in the latter, `"test"`.

    Raises:
        InputError: if there is no such benchmark or split, or the extra `rl` is
            missing.
    """
    arguments.check_choice(
        "benchmark", benchmark, MULTI_TASK_BENCHMARKS + META_BENCHMARKS
    )
    arguments.check_choice("split", split, SPLITS)
    return list(_find_classes(benchmark, split))


def _find_classes(tasks: str | Sequence[str], split: str) -> dict[str, Any]:
    env_dict: Any = arguments.import_package("metaworld.env_dict")
    if isinstance(tasks, str):
        if tasks in META_BENCHMARKS:
            return dict(getattr(env_dict, f"{tasks}_V3")[split])
        if tasks in MULTI_TASK_BENCHMARKS:
            if split != "train":
                raise errors.InputError(
                    f"split: {tasks} has train tasks alone, got {split!r}"
                )
            return dict(getattr(env_dict, f"{tasks}_V3"))
        raise errors.InputError(
            "tasks: expected a list of names or one of "
            f"{', '.join(MULTI_TASK_BENCHMARKS + META_BENCHMARKS)}, got "
            f"{tasks!r}"
        )
    known = env_dict.ALL_V3_ENVIRONMENTS
    unknown = [name for name in tasks if name not in known]
    if unknown:
        raise errors.InputError(
            f"tasks: Meta-World has no {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(known)}"
        )
    if not tasks or len(set(tasks)) < len(tasks):
        raise errors.InputError(
            f"tasks: expected one or more names, each once, got {list(tasks)}"
        )
    return {name: known[name] for name in tasks}


def _generator(name: str, split: str, seed: int) -> np.random.Generator:
    return np.random.default_rng(
        [seed, SPLITS.index(split), zlib.crc32(name.encode())]
    )

"""Plays Meta-World's package and what is made of it side by side."""

import warnings
from typing import Any

import numpy as np

from tests.environments import cases


class Difference:
    """What differed over some episodes.

    Attributes:
        largest: the largest difference of any number.
        contacts: in how many steps something touched something.
        successes: in how many steps the task succeeded.
    """

    def __init__(self):
        self.largest = 0.0
        self.contacts = self.successes = 0

    def note(self, ours: Any, theirs: Any) -> None:
        """Compares two numbers or arrays."""
        difference = np.abs(np.subtract(ours, theirs, dtype=np.float64))
        # What is NaN in one alone is a difference as well.
        self.largest = max(self.largest, np.nan_to_num(difference.max(), nan=9))


def package_environment(ours: Any, reward_version: str, shown: bool) -> Any:
    """Returns the package's own environment of a task, through its own ways."""
    import pickle  # The package's tasks are pickled.

    import metaworld

    task_class = metaworld.ALL_V3_ENVIRONMENTS[ours.name]
    theirs: Any = task_class(reward_function_version=reward_version)

    def set_goal(goal: np.ndarray) -> None:
        data = {
            "env_cls": task_class,
            "rand_vec": goal,
            "partially_observable": not shown,
        }
        theirs.set_task(metaworld.Task(ours.name, pickle.dumps(data)))

    theirs.set_goal = set_goal
    return theirs


def compare(
    name: str, *, reward_version: str, episodes: list[int], steps: int
) -> Difference:
    """Plays episodes of a task in both, by its scripted expert and noise.

    Args:
        name: of the task.
        reward_version: "v1" or "v2".
        episodes: the numbers of their goals.
        steps: of an episode.
    """
    ours: Any = cases.metaworld(
        name, reward_version=reward_version, horizon=steps
    )
    from metaworld import policies

    theirs = package_environment(ours, reward_version, shown=True)
    theirs.max_path_length = ours.horizon
    result = Difference()
    generator = np.random.default_rng(0)
    for episode, goal in enumerate(episodes):
        theirs.set_goal(ours.goals[goal])
        expected, _ = theirs.reset()
        observation, _ = ours.reset(options={"goal": goal})
        result.note(observation, expected)
        expert = policies.ENV_POLICY_MAP[ours.name]()
        for step in range(ours.horizon):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Experts act beyond 1.
                action = expert.get_action(expected)
            # Beyond the bounds, too, and every other episode with noise.
            noise = 0.5 * (episode % 2) * generator.normal(size=4)
            action = np.asarray(action + noise, np.float32)
            left, right = ours.step(action), theirs.step(action)
            expected = right[0]
            result.note(left[0], expected)
            result.note(left[1], right[1])
            assert left[2:4] == right[2:4] == (False, step == ours.horizon - 1)
            assert left[4].keys() == right[4].keys()
            for key, value in right[4].items():
                result.note(left[4][key], value)
            result.contacts += theirs.data.ncon > 0
            result.successes += bool(right[4]["success"])
    return result

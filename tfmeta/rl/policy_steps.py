"""What makes one better policy of another: a step from rollouts."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from tfmeta.rl import policies, policy_losses

Distributions = Callable[[Sequence[tf.Tensor], tf.Tensor], policies.Normal]
"""From values of the variables, each as it is or with a leading axis of tasks,
and observations `[tasks, steps, size]` to the distributions of actions.

An ordinary policy is one. So is one that adapts to each task first: then a step
improves what comes out of adapting, which is meta-learning.
"""


class PolicyStep(Protocol):
    """How a policy is improved by what came of its actions."""

    def prepare(self, variables: Sequence[keras.Variable], tasks: int) -> None:
        """Makes what state there is, before a step is compiled.

        Args:
            variables: what steps will change.
            tasks: number of tasks.
        """

    @property
    def optimizer(self) -> Any:
        """The optimizer whose state a checkpoint must hold, or None."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that would make another step, as JSON holds it."""

    def improve(
        self,
        distributions: Distributions,
        variables: Sequence[keras.Variable],
        batch: policy_losses.PolicyBatch,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Changes the variables. It can be compiled.

        Args:
            distributions: the policy.
            variables: whose values it takes.
            batch: steps that the policy took with the present values.
            seed: `[2]` int64, fixes what is random in the step.

        Returns:
            Scalars that say what was done, such as `"divergence"`.
        """

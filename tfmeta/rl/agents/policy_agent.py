"""What agents have in common that improve a policy step by step."""

from collections.abc import Sequence
from typing import Any, Protocol

import keras

from tfmeta import errors
from tfmeta.rl import policy_steps
from tfmeta.rl.agents import agent


class Policy(Protocol):
    """What acts, and learns.

    Attributes:
        variables: all that it learns.
    """

    variables: list[keras.Variable]


class PolicyAgent(agent.Agent):
    """A policy, what improves it, and how often that was done.

    Between two iterations there is nothing of it but variables.

    Attributes:
        policy: what acts.
        iterations: how many were made.
        stop_training: a callback sets it to end `fit` after the iteration.

    Args:
        policy: what acts.
        **settings: what would make another agent, as JSON holds it.
    """

    # Keras' TensorBoard asks for it, to draw it.
    train_function = None
    policy: Policy

    def __init__(self, policy: Policy, **settings: Any):
        self.policy = policy
        self.iterations = keras.Variable(
            0, dtype="int64", trainable=False, name="iterations"
        )
        self._step: policy_steps.PolicyStep | None = None
        self._settings = {"agent": type(self).__name__, **settings}

    @property
    def optimizer(self) -> Any:
        """The policy's, None without one: what Keras' callbacks look at."""
        return None if self._step is None else self._step.optimizer

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that the compiled agent has learned."""
        optimizer = self.optimizer
        return [
            *self._learned_variables,
            *([] if optimizer is None else optimizer.variables),
        ]

    @property
    def _learned_variables(self) -> list[keras.Variable]:
        return [*self.policy.variables, self.iterations]

    def _improve_by(self, step: policy_steps.PolicyStep) -> None:
        """Takes what improves the policy."""
        self._step = step
        self._settings["step"] = step.settings

    def _compiled_step(self) -> policy_steps.PolicyStep:
        """Returns what improves the policy.

        Raises:
            InputError: if the agent is not compiled.
        """
        if self._step is None:
            raise errors.InputError(
                f"{type(self).__name__}: call compile first"
            )
        return self._step

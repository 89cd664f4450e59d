"""PPO and TRPO, for one task or several."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.optimizers import task_gradient_optimizer
from tfmeta.rl import (
    baselines,
    clipped_surrogate,
    policies,
    policy_steps,
    rollouts,
    task_inputs,
    trust_region,
)
from tfmeta.rl import minibatches as passes_lib


class _OnPolicyAgent:
    """What PPO and TRPO have in common: all but how the policy is improved.

    In each iteration the policy takes steps in each task's environment, from
    the start of an episode on; advantages are measured from a value network
    (Schulman et al. 2016); the policy is improved; the value network learns.
    Between two iterations there is nothing but variables.

    All tasks have one policy and one value network, to which each task is a
    one-hot vector behind the observation; with one task there is none.

    Attributes:
        policy: a `NormalPolicy`.
        tasks: number of tasks.
        iterations: how many were made.
        baseline: the value network, once compiled.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        tasks: number of tasks.
        hidden: units of the hidden layers of policy and value network.
        scale: standard deviation of actions at first.
        scale_bounds: the least standard deviation and the largest.
        discount: gamma.
        decay: lambda of advantages, see `generalized_advantages`.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        tasks: int = 1,
        *,
        hidden: Sequence[int] = (64, 64),
        scale: float = 1.0,
        scale_bounds: tuple[float, float] = (1e-6, 10.0),
        discount: float = 0.99,
        decay: float = 0.95,
    ):
        arguments.check_positive_integers(tasks=tasks)
        arguments.check_shares(discount=discount, decay=decay)
        self.tasks = tasks
        self._inputs = observation_size + task_inputs.size(tasks)
        self.policy = policies.NormalPolicy(
            self._inputs,
            action_size,
            hidden=hidden,
            scale=scale,
            scale_bounds=scale_bounds,
        )
        self.iterations = 0
        self._sizes = observation_size, action_size
        self._hidden = hidden
        self._discount, self._decay = discount, decay
        self._step: policy_steps.PolicyStep | None = None

    def _compile(
        self,
        step: policy_steps.PolicyStep,
        baseline_optimizer: keras.optimizers.Optimizer | None,
        passes: passes_lib.Passes,
        jit_compile: bool,
    ) -> None:
        self._step = step
        step.prepare(self.policy.variables, self.tasks)
        self.baseline = baselines.NetworkBaseline(
            self._inputs,
            self.tasks,
            baseline_optimizer or keras.optimizers.Adam(1e-3),
            hidden=self._hidden,
            passes=passes,
            jit_compile=jit_compile,
        )
        self._improve = tf.function(
            lambda batch, seed: step.improve(
                self.policy, self.policy.variables, batch, seed
            ),
            autograph=False,
            jit_compile=jit_compile,
        )

    def fit(
        self,
        environments: Sequence[environment.Environment],
        *,
        iterations: int,
        steps_per_iteration: int = 2048,
        seed: int = 0,
    ) -> list[dict[str, float]]:
        """Learns from acting.

        Args:
            environments: one for each task.
            iterations: how many there are to be in all, those of earlier calls
                among them.
            steps_per_iteration: in each environment.
            seed: fixes episodes, actions and minibatches.

        Returns:
            For each iteration `"return"` and `"success"`, means of the episodes
            that ended in it, NaN if none did; and what the step reports.

        Raises:
            InputError: if `compile` was not called, the environments do not fit
                the agent, an argument is out of range, or an environment gives
                what is not finite.
        """
        if self._step is None:
            raise errors.InputError(
                f"{type(self).__name__}: call compile first"
            )
        if len(environments) != self.tasks:
            raise errors.InputError(
                f"environments: expected {self.tasks}, one for each task, got "
                f"{len(environments)}"
            )
        reports = []
        while self.iterations < iterations:
            generator = np.random.default_rng([seed, self.iterations])
            taken = rollouts.collect(
                environments,
                self._explorer(generator),
                steps=steps_per_iteration,
                seed=int(generator.integers(2**31)),
            )
            report = self._learn(taken, seed)
            self.iterations += 1
            reports.append(
                {
                    "return": _mean(s.total_reward for s in taken.scores),
                    "success": _mean(s.success for s in taken.scores),
                }
                | {name: float(value) for name, value in report.items()}
            )
        return reports

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Returns the likeliest actions, `[tasks, action_size]`.

        Args:
            observations: of each task, `[tasks, observation_size]`.
        """
        return self.policy.actor().mean(task_inputs.append(observations))

    def _explorer(
        self, generator: np.random.Generator
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Returns what draws actions, by the weights as they are now."""
        actor = self.policy.actor()
        return lambda observations: actor.draw(
            task_inputs.append(observations), generator
        )

    def _learn(self, taken: rollouts.Rollouts, seed: int) -> dict[str, Any]:
        """Improves the policy, then the value network."""
        seen, after = (
            task_inputs.append(observations)
            for observations in (
                taken.transitions.observation,
                taken.transitions.next_observation,
            )
        )
        batch, returns = rollouts.to_batch(
            taken,
            self.baseline(seen),
            self.baseline(after),
            taken.transitions.terminated,
            discount=self._discount,
            decay=self._decay,
        )
        of_policy, of_baseline = np.random.SeedSequence(
            [seed, self.iterations]
        ).generate_state(2)
        report = self._improve(
            batch._replace(observation=seen).as_tensors(),
            passes_lib.seed_tensor(of_policy),
        )
        self.baseline.fit(seen, returns, passes_lib.seed_tensor(of_baseline))
        return report


class PPO(_OnPolicyAgent):
    """Proximal policy optimization (Schulman et al. 2017).

    Everything but the policy's step is that of `TRPO`, too: in each iteration
    the policy takes steps in each task's environment, from the start of an
    episode on; advantages are measured from a value network (Schulman et al.
    2016); the policy is improved; the value network learns.

    All tasks have one policy and one value network, to which each task is a
    one-hot vector behind the observation; with one task there is none.

        pendulum = GymnasiumEnvironment(gymnasium.make("Pendulum-v1"))
        agent = PPO(pendulum.observation_size, pendulum.action_size)
        agent.compile()
        agent.fit([pendulum], iterations=50)

    See `_OnPolicyAgent` for attributes and arguments.
    """

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | None = None,
        baseline_optimizer: keras.optimizers.Optimizer | None = None,
        *,
        clip: float = 0.2,
        entropy_weight: float = 0.0,
        epochs: int = 10,
        minibatches: int = 32,
        jit_compile: bool = True,
    ) -> None:
        """Says how the networks learn.

        Args:
            optimizer: the policy's: of Keras, or of task gradients, such as
                `PCGrad(Adam(3e-4))`. Default: Adam at 3e-4.
            baseline_optimizer: the value network's, likewise. Default: Adam at
                1e-3.
            clip: see `ClippedSurrogate`.
            entropy_weight: likewise.
            epochs: how often the steps of an iteration are passed through.
            minibatches: into how many parts they are split each time.
            jit_compile: whether XLA compiles the steps.

        Raises:
            InputError: if an argument is out of range.
        """
        step = clipped_surrogate.ClippedSurrogate(
            optimizer,
            clip=clip,
            entropy_weight=entropy_weight,
            epochs=epochs,
            minibatches=minibatches,
        )
        self._compile(step, baseline_optimizer, step.passes, jit_compile)


class TRPO(_OnPolicyAgent):
    """Trust-region policy optimization (Schulman et al. 2015).

    See `PPO` for what an iteration is, and `_OnPolicyAgent` for attributes and
    arguments.
    """

    def compile(
        self,
        surgery: task_gradient_optimizer.TaskGradientOptimizer | None = None,
        baseline_optimizer: keras.optimizers.Optimizer | None = None,
        *,
        max_divergence: float = 0.01,
        baseline_epochs: int = 10,
        baseline_minibatches: int = 32,
        jit_compile: bool = True,
    ) -> None:
        """Says how the networks learn.

        Args:
            surgery: what combines one gradient for each task to that of which
                the step is made, such as `PCGrad(None)`. Default: their mean.
            baseline_optimizer: the value network's: of Keras, or of task
                gradients. Default: Adam at 1e-3.
            max_divergence: see `TrustRegion`.
            baseline_epochs: how often the value network passes through the
                steps of an iteration.
            baseline_minibatches: into how many parts they are split each time.
            jit_compile: whether XLA compiles the steps.

        Raises:
            InputError: if an argument is out of range.
        """
        self._compile(
            trust_region.TrustRegion(max_divergence, surgery),
            baseline_optimizer,
            passes_lib.Passes(baseline_epochs, baseline_minibatches),
            jit_compile,
        )


def _mean(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return float(np.mean(found)) if found else math.nan

"""PPO and TRPO, for one task or several."""

import os
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.optimizers import task_gradient_optimizer
from tfmeta.rl import (
    baselines,
    clipped_surrogate,
    collecting,
    exporting,
    policies,
    policy_steps,
    rollouts,
    run_checkpoints,
    task_inputs,
    trust_region,
)
from tfmeta.rl import iterations as iterations_lib
from tfmeta.rl import minibatches as passes_lib
from tfmeta.rl.agents import policy_agent


class OnPolicyAgent(policy_agent.PolicyAgent):
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
        stop_training: a callback sets it to end `fit` after the iteration.
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

    policy: policies.NormalPolicy

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
        super().__init__(
            policies.NormalPolicy(
                self._inputs,
                action_size,
                hidden=hidden,
                scale=scale,
                scale_bounds=scale_bounds,
            ),
            tasks=tasks,
            discount=discount,
            decay=decay,
        )
        self._sizes = observation_size, action_size
        self._hidden = hidden
        self._discount, self._decay = discount, decay

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that the compiled agent has learned."""
        return [
            *super().variables,
            *self.baseline.network.variables,
            *self.baseline.optimizer.variables,
        ]

    def _compile(
        self,
        step: policy_steps.PolicyStep,
        baseline_optimizer: keras.optimizers.Optimizer | None,
        passes: passes_lib.Passes,
        jit_compile: bool,
    ) -> None:
        self._improve_by(step)
        baseline_optimizer = baseline_optimizer or keras.optimizers.Adam(1e-3)
        self._settings["baseline_optimizer"] = (
            run_checkpoints.optimizer_settings(baseline_optimizer)
        )
        step.prepare(self.policy.variables, self.tasks)
        self.baseline = baselines.NetworkBaseline(
            self._inputs,
            self.tasks,
            baseline_optimizer,
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
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
        checkpoints: str | os.PathLike | None = None,
        save_every: int = 10,
    ) -> list[dict[str, float]]:
        """Learns from acting.

        Args:
            environments: one for each task.
            iterations: how many there are to be in all, those of earlier calls
                among them.
            steps_per_iteration: in each environment.
            seed: fixes episodes, actions and minibatches.
            callbacks: Keras callbacks, see `progress.Progress` for their logs;
                an iteration is an epoch.
            verbose: 1 to print a line of progress, 0 for none.
            checkpoints: a folder for checkpoints, of this run alone; None for
                none. A run that was killed goes on when the same call is made
                again, with an agent built and compiled alike, and ends with the
                same weights bit for bit.
            save_every: iterations from one checkpoint to the next.

        Returns:
            What the step of each iteration reports.

        Raises:
            InputError: if `compile` was not called, the environments do not fit
                the agent, an argument is out of range, an environment gives
                what is not finite, or `checkpoints` holds another run.
            OSError: if a checkpoint cannot be written.
        """
        self._compiled_step()
        collecting.check_fit(environments, self.tasks, self._sizes)
        arguments.check_positive_integers(
            iterations=iterations,
            steps_per_iteration=steps_per_iteration,
            save_every=save_every,
        )

        def iterate(number: int) -> iterations_lib.Iteration:
            generator = np.random.default_rng([seed, number])
            taken = rollouts.collect(
                environments,
                self._explorer(generator),
                steps=steps_per_iteration,
                seed=int(generator.integers(2**31)),
            )
            return taken.scores, self._learn(taken, [seed, number])

        return iterations_lib.run(
            self,
            environments,
            iterate,
            iterations=iterations,
            steps_per_iteration=steps_per_iteration,
            settings={
                **self._settings,
                "steps_per_iteration": steps_per_iteration,
                "seed": seed,
            },
            callbacks=callbacks,
            verbose=verbose,
            checkpoints=checkpoints,
            save_every=save_every,
        )

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Returns the likeliest actions, `[tasks, action_size]`, in [-1, 1].

        Args:
            observations: of each task, `[tasks, observation_size]`.
        """
        return self.snapshot()(observations)

    def snapshot(self) -> Callable[[np.ndarray], np.ndarray]:
        """Returns what `act` does, with the weights as they are now.

        For many steps: `act` reads the weights at each.
        """
        run = self.policy.actor().mean
        return lambda observations: np.clip(
            run(task_inputs.append(observations)), -1, 1
        )

    def export(self, path: str | os.PathLike) -> None:
        """Writes the policy as a SavedModel, which acts without this library.

        It gives the likeliest actions, see `exporting.export_policy`.

        Args:
            path: folder to write; it must not exist yet, or be empty.

        Raises:
            InputError: if `path` holds something.
        """
        exporting.export_policy(
            path,
            self.policy.network,
            lambda means: tf.clip_by_value(means, -1.0, 1.0),
            tasks=self.tasks,
        )

    def _explorer(
        self, generator: np.random.Generator
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Returns what draws actions, by the weights as they are now."""
        actor = self.policy.actor()
        return lambda observations: actor.draw(
            task_inputs.append(observations), generator
        )

    def _learn(
        self, taken: rollouts.Rollouts, seed: Sequence[int]
    ) -> dict[str, float]:
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
        of_policy, of_baseline = np.random.SeedSequence(seed).generate_state(2)
        report = self._improve(
            batch._replace(observation=seen).as_tensors(),
            passes_lib.seed_tensor(of_policy),
        )
        self.baseline.fit(seen, returns, passes_lib.seed_tensor(of_baseline))
        return {name: float(value) for name, value in report.items()}


class PPO(OnPolicyAgent):
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

    See `OnPolicyAgent` for attributes and arguments.
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


class TRPO(OnPolicyAgent):
    """Trust-region policy optimization (Schulman et al. 2015).

    See `PPO` for what an iteration is, and `OnPolicyAgent` for attributes and
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

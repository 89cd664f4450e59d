"""RL2: a recurrent policy that learns within a trial."""

import os
from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.rl import (
    adapting,
    advantages,
    baselines,
    clipped_surrogate,
    collecting,
    minibatches,
    policy_losses,
    recurrent_policies,
    replay,
    rollouts,
    run_checkpoints,
)
from tfmeta.rl import iterations as iterations_lib
from tfmeta.rl.agents import policy_agent


class RL2(policy_agent.PolicyAgent):
    """RL2 (Duan et al. 2016; Wang et al. 2016): adapting is remembering.

    A trial is several episodes in one task. The policy is recurrent, and its
    state lives from the first step of a trial to the last: what it finds out in
    one episode it can use in the next. It sees the observation, what it did
    last, the reward that came of it, and whether an episode ended by it.

    What it is trained for is the trial's discounted rewards, those of the later
    episodes included, by PPO through whole trials. A value network knows the
    observation, the recurrent cell's output and how much of the trial is over.

        agent = RL2(2, 2)
        agent.compile()
        agent.fit(robots, iterations=200, episodes=3)
        actor = agent.adapt(play_trial(agent, robots, episodes=2, seed=0), 20)

    It is an `adapting.AdaptiveAgent`.

    Attributes:
        policy: a `RecurrentPolicy`.
        iterations: how many were made.
        stop_training: a callback sets it to end `fit` after the iteration.
        baseline: the value network, once it was trained.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        cell: any recurrent cell of Keras. By default `GRUCell(units)`.
        units: of the cell by default.
        hidden: of the policy, between the cell and the means.
        baseline_hidden: units of the value network's hidden layers.
        scale: standard deviation of actions at first.
        scale_bounds: the least standard deviation and the largest.
        discount: gamma, through all of a trial.
        decay: lambda of advantages, see `generalized_advantages`.
        reward_scale: what rewards are multiplied by, those that the policy sees
            as well.

    Raises:
        InputError: if an argument is out of range.
    """

    policy: recurrent_policies.RecurrentPolicy

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        cell: keras.layers.Layer | None = None,
        units: int = 64,
        hidden: Sequence[int] = (),
        baseline_hidden: Sequence[int] = (64, 64),
        scale: float = 1.0,
        scale_bounds: tuple[float, float] = (1e-6, 10.0),
        discount: float = 0.99,
        decay: float = 0.95,
        reward_scale: float = 1.0,
    ):
        arguments.check_positive_integers(
            observation_size=observation_size, action_size=action_size
        )
        arguments.check_shares(discount=discount, decay=decay)
        arguments.check_positive(reward_scale=reward_scale)
        policy = recurrent_policies.RecurrentPolicy(
            observation_size + action_size + 2,
            action_size,
            cell=cell,
            units=units,
            hidden=hidden,
            scale=scale,
            scale_bounds=scale_bounds,
        )
        super().__init__(
            policy,
            cell=type(policy.cell).__name__,
            shapes=[list(v.shape) for v in policy.variables],
            scale_bounds=list(scale_bounds),
            discount=discount,
            decay=decay,
            reward_scale=reward_scale,
        )
        self._sizes = observation_size, action_size
        self._baseline_hidden = baseline_hidden
        self._discount, self._decay = discount, decay
        self._reward_scale = reward_scale

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that the agent has learned, once it is being trained."""
        return [
            *super().variables,
            *self.baseline.network.variables,
            *self.baseline.optimizer.variables,
        ]

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | None = None,
        baseline_optimizer: keras.optimizers.Optimizer | None = None,
        *,
        clip: float = 0.2,
        entropy_weight: float = 0.0,
        epochs: int = 10,
        minibatches: int = 1,
        baseline_minibatches: int = 8,
        jit_compile: bool = True,
    ) -> None:
        """Says how the networks learn.

        Args:
            optimizer: the policy's: of Keras, or of task gradients, such as
                `PCGrad(Adam(3e-4))`. Default: Adam at 1e-3.
            baseline_optimizer: the value network's, likewise.
            clip: see `ClippedSurrogate`.
            entropy_weight: likewise.
            epochs: how often the trials of an iteration are passed through.
            minibatches: into how many parts the trials of each task are split
                each time, at most one trial each.
            baseline_minibatches: into how many parts their steps are split
                where the value network learns.
            jit_compile: whether XLA compiles the steps.

        Raises:
            InputError: if an argument is out of range.
        """
        step = clipped_surrogate.ClippedSurrogate(
            optimizer or keras.optimizers.Adam(1e-3),
            clip=clip,
            entropy_weight=entropy_weight,
            epochs=epochs,
            minibatches=minibatches,
        )
        self._improve_by(step)
        self._baseline_optimizer = baseline_optimizer or keras.optimizers.Adam(
            1e-3
        )
        self._baseline_passes = (epochs, baseline_minibatches)
        self._jit_compile = jit_compile
        self._settings |= {
            "baseline_optimizer": run_checkpoints.optimizer_settings(
                self._baseline_optimizer
            ),
            "baseline_hidden": list(self._baseline_hidden),
            "baseline_minibatches": baseline_minibatches,
        }
        self._prepared_for: int | None = None
        self._see, self._outputs, self._improve = (
            tf.function(function, autograph=False, jit_compile=jit_compile)
            for function in (
                self._make_step,
                lambda inputs: self.policy.outputs(self._weights, inputs),
                lambda batch, seed: step.improve(
                    self.policy,
                    self.policy.variables,
                    batch,
                    seed,
                ),
            )
        )

    def fit(
        self,
        environments: Sequence[environment.Environment],
        *,
        iterations: int,
        episodes: int = 2,
        trials: int = 1,
        seed: int = 0,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
        checkpoints: str | os.PathLike | None = None,
        save_every: int = 10,
    ) -> list[dict[str, float]]:
        """Learns to learn.

        In each iteration each environment takes goals at random, one for each
        trial.

        Args:
            environments: one for each task of a meta-batch.
            iterations: how many there are to be in all, those of earlier calls
                among them.
            episodes: of a trial.
            trials: of each environment in an iteration.
            seed: fixes goals, episodes, actions and minibatches.
            callbacks: Keras callbacks, see `progress.Progress` for their logs;
                an iteration is an epoch.
            verbose: 1 to print a line of progress, 0 for none.
            checkpoints: a folder for checkpoints, of this run alone; None for
                none. A run that was killed goes on when the same call is made
                again, with an agent built and compiled alike, and ends with the
                same weights bit for bit.
            save_every: iterations from one checkpoint to the next.

        Returns:
            For each iteration the mean returns `"return_before"` of a trial's
            first episode and `"return_after"` of its last, and what the
            policy's step reports.

        Raises:
            InputError: if `compile` was not called, an argument is out of
                range, the environments do not fit the agent, an environment
                gives what is not finite, or `checkpoints` holds another run.
            OSError: if a checkpoint cannot be written.
        """
        step = self._compiled_step()
        arguments.check_positive_integers(
            iterations=iterations,
            episodes=episodes,
            trials=trials,
            save_every=save_every,
        )
        tasks = len(environments)
        collecting.check_fit(environments, tasks, self._sizes)
        if self._prepared_for != tasks:
            step.prepare(self.policy.variables, tasks)
            observation_size, _ = self._sizes
            epochs, parts = self._baseline_passes
            self.baseline = baselines.NetworkBaseline(
                observation_size + self.policy.units + 1,
                tasks,
                self._baseline_optimizer,
                hidden=self._baseline_hidden,
                passes=minibatches.Passes(epochs, parts),
                jit_compile=self._jit_compile,
            )
            self._prepared_for = tasks
        steps = episodes * max(each.horizon for each in environments)

        def iterate(number: int) -> iterations_lib.Iteration:
            generator = np.random.default_rng([seed, number])
            played = [
                self._play_trial(environments, steps, generator)
                for _ in range(trials)
            ]
            report = self._learn(played, [seed, number])
            scores = [score for trial in played for score in trial.scores]
            return scores, {**adapting.mean_returns(*played), **report}

        return iterations_lib.run(
            self,
            environments,
            iterate,
            iterations=iterations,
            steps_per_iteration=trials * steps,
            settings={
                **self._settings,
                "episodes": episodes,
                "trials": trials,
                "seed": seed,
            },
            callbacks=callbacks,
            verbose=verbose,
            checkpoints=checkpoints,
            save_every=save_every,
        )

    def adapt(
        self, trial: rollouts.Rollouts | None, tasks: int
    ) -> adapting.TaskActor:
        """Returns what acts in tasks after a trial: it remembers all of it.

        See `adapting.AdaptiveAgent`. A trial may be longer than those that the
        agent was trained on; how well it does then is another matter.
        """
        self._compiled_step()
        actor = _Actor(self, tasks)
        if trial is not None:
            adapting.check_trial(trial, tasks, self._sizes)
            for number in range(trial.times.shape[1]):
                taken = replay.Transitions(
                    *(part[:, number] for part in trial.transitions)
                )
                actor.act(taken.observation)
                actor.observe(taken, trial.ended[:, number])
        return actor

    def explore(
        self,
        trial: rollouts.Rollouts | None,
        tasks: int,
        generator: np.random.Generator,
    ) -> adapting.TaskActor:
        """Returns what goes on with a trial: what `adapt` returns."""
        del generator
        return self.adapt(trial, tasks)

    @property
    def _weights(self) -> list[tf.Tensor]:
        return list(map(tf.convert_to_tensor, self.policy.variables))

    def _make_step(self, inputs, states):
        step = self.policy.step(self._weights, inputs, states)
        return step.actions.mean, step.actions.log_scale, step.states

    def _seen(self, observations, actions, rewards, ended) -> np.ndarray:
        """Returns what the policy sees, `[..., inputs]`.

        Args:
            observations: `[..., observation_size]`.
            actions: those before, `[..., action_size]`.
            rewards: what came of these, `[...]`.
            ended: whether an episode ended by them, likewise.
        """
        return np.concatenate(
            [
                observations,
                # What is beyond has been clipped where it was done.
                np.clip(actions, -1, 1),
                self._reward_scale * rewards[..., np.newaxis],
                ended[..., np.newaxis],
            ],
            axis=-1,
        ).astype(np.float32)

    def _play_trial(self, environments, steps, generator) -> rollouts.Rollouts:
        actor = _Actor(self, len(environments))
        return rollouts.collect(
            environments,
            lambda observations: actor.draw(observations, generator),
            steps=steps,
            seed=int(generator.integers(2**31)),
            goals=[
                int(generator.integers(len(each.goals)))
                for each in environments
            ],
            observe=actor.observe,
        )

    def trial_inputs(self, trial: rollouts.Rollouts) -> np.ndarray:
        """Returns what the policy saw at each step, `[tasks, steps, inputs]`.

        Args:
            trial: of each task, from its first step on.
        """
        taken = trial.transitions
        return self._seen(
            taken.observation,
            *map(_shifted, (taken.action, taken.reward, trial.ended)),
        )

    def _learn(
        self, trials: Sequence[rollouts.Rollouts], seed: Sequence[int]
    ) -> dict[str, float]:
        """Improves the policy, then the value network."""
        inputs = np.stack([self.trial_inputs(trial) for trial in trials], 1)
        actions, rewards, observations = (
            np.stack([getattr(trial.transitions, name) for trial in trials], 1)
            for name in ("action", "reward", "observation")
        )
        rewards = self._reward_scale * rewards
        outputs = self._outputs(tf.constant(inputs)).numpy()
        steps = rewards.shape[-1]
        over = np.broadcast_to(np.arange(steps) / steps, rewards.shape)
        judged = np.concatenate(
            [observations, outputs, over[..., np.newaxis]], -1
        ).astype(np.float32)
        tasks = len(judged)
        flat = judged.reshape(tasks, -1, judged.shape[-1])
        values = self.baseline(flat).reshape(rewards.shape)
        # An episode's end is not the trial's: what comes then counts, too.
        last = np.zeros(rewards.shape)
        last[..., -1] = 1
        after = np.concatenate([values[..., 1:], values[..., :1]], -1)
        advantage, returns = (
            advantages.generalized_advantages(
                rewards,
                values,
                after,
                last,
                last,
                discount=self._discount,
                decay=decay,
            )
            for decay in (self._decay, 1.0)
        )
        advantage -= advantage.mean()
        advantage /= advantage.std() + 1e-8
        of_policy, of_baseline = np.random.SeedSequence(seed).generate_state(2)
        batch = policy_losses.PolicyBatch(
            inputs, actions, advantage, np.zeros(rewards.shape)
        )
        report = self._improve(
            batch.as_tensors(), minibatches.seed_tensor(of_policy)
        )
        self.baseline.fit(
            flat,
            (returns + values).reshape(tasks, -1),
            minibatches.seed_tensor(of_baseline),
        )
        return {name: float(value) for name, value in report.items()}


class _Actor:
    """Acts in several tasks, and remembers what came of it."""

    def __init__(self, agent: RL2, tasks: int):
        self._agent = agent
        _, action_size = agent._sizes
        self._states = agent.policy.initial_states(tasks, 1)
        self._after = self._states
        self._action = np.zeros((tasks, action_size), np.float32)
        self._reward, self._ended = np.zeros((2, tasks), np.float32)

    def act(self, observations: np.ndarray) -> np.ndarray:
        """See `adapting.TaskActor`."""
        mean, _ = self._decide(observations)
        return np.clip(mean, -1, 1)

    def draw(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """See `adapting.TaskActor`."""
        mean, log_scale = self._decide(observations)
        return mean + np.exp(log_scale) * generator.standard_normal(
            mean.shape, np.float32
        )

    def observe(
        self, transitions: replay.Transitions, ended: np.ndarray
    ) -> None:
        """See `adapting.TaskActor`."""
        self._states = self._after
        self._action, self._reward = transitions.action, transitions.reward
        self._ended = ended

    def _decide(self, observations) -> tuple[np.ndarray, np.ndarray]:
        agent = self._agent
        tasks, (size, _) = len(self._reward), agent._sizes
        if np.shape(observations) != (tasks, size):
            raise errors.InputError(
                f"observations: of shape {np.shape(observations)}, expected "
                f"[tasks, observation_size], {(tasks, size)}"
            )
        inputs = agent._seen(
            observations, self._action, self._reward, self._ended
        )
        mean, log_scale, self._after = agent._see(
            inputs[:, np.newaxis], self._states
        )
        return mean.numpy()[:, 0], log_scale.numpy()


def _shifted(values: np.ndarray) -> np.ndarray:
    """Returns what was one step before, `[tasks, steps, ...]`; 0 at first."""
    return np.concatenate([np.zeros_like(values[:, :1]), values[:, :-1]], 1)

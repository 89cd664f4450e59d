"""MAML with policy gradients: one step, and the policy is a task's own."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.environments import arguments as environment_arguments
from tfmeta.environments import environment
from tfmeta.functional import inner_loop
from tfmeta.layers import arguments
from tfmeta.rl import (
    adapting,
    baselines,
    collecting,
    minibatches,
    policies,
    policy_losses,
    policy_steps,
    replay,
    rollouts,
    trust_region,
)
from tfmeta.rl import iterations as iterations_lib
from tfmeta.rl.agents import policy_agent


class PolicyMAML(policy_agent.PolicyAgent):
    """MAML in reinforcement learning (Finn et al. 2017, algorithm 3).

    In each iteration and for each task of a meta-batch:

    1. the policy plays episodes;
    2. a step of the policy gradient on these makes the task's own policy, and
       with several inner steps that plays, and makes one more, and so on;
    3. the adapted policy plays episodes;
    4. an outer step improves the returns of the adapted policies, through the
       inner steps: that of TRPO by default.

    Both measure advantages from a linear baseline of each task, fitted to the
    very episodes.

    The outer gradient holds the steps of 1 fixed. That leaves out that the
    policy also decides what it sees there. Which second derivative remains is
    the choice of `inner_loss`: `"log_density"`, that of the sampled steps as
    they are, as in the authors' code; `"lvc"`, of little noise, and `"dice"`,
    without bias, that of the expected return. See `policy_losses`.

        directions = [cheetah_direction(goals=[[d]]) for d in (1, -1)]
        agent = PolicyMAML(17, 6, inner_learning_rate=1.0)
        agent.compile()
        agent.fit(directions, iterations=200, episodes=20)

    Attributes:
        policy: a `NormalPolicy`, from which adapting starts.
        iterations: how many were made.
        stop_training: a callback sets it to end `fit` after the iteration.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        inner_learning_rate: alpha of the inner steps.
        inner_steps: how many; 0 for a policy that is not trained to adapt,
            against which to hold the others.
        inner_loss: what they descend, one of `policy_losses.INNER_LOSSES`.
        first_order: whether to drop second derivatives.
        test_steps: inner steps of `adapt`. Default: as many as in training.
        hidden: units of the policy's hidden layers.
        scale: standard deviation of actions at first.
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
        *,
        inner_learning_rate: float = 0.1,
        inner_steps: int = 1,
        inner_loss: str = "log_density",
        first_order: bool = False,
        test_steps: int | None = None,
        hidden: Sequence[int] = (64, 64),
        scale: float = 1.0,
        discount: float = 0.99,
        decay: float = 1.0,
    ):
        arguments.check_positive(inner_learning_rate=inner_learning_rate)
        arguments.check_not_negative(
            inner_steps=inner_steps, test_steps=test_steps or 0
        )
        arguments.check_shares(discount=discount, decay=decay)
        environment_arguments.check_choice(
            "inner_loss", inner_loss, policy_losses.INNER_LOSSES
        )
        super().__init__(
            policies.NormalPolicy(
                observation_size, action_size, hidden=hidden, scale=scale
            ),
            inner_learning_rate=inner_learning_rate,
            inner_steps=inner_steps,
            inner_loss=inner_loss,
            first_order=first_order,
            discount=discount,
            decay=decay,
        )
        self._sizes = observation_size, action_size
        self._rate = inner_learning_rate
        self._inner_steps = inner_steps
        self._inner_loss = policy_losses.INNER_LOSSES[inner_loss]
        self._first_order = first_order
        self._test_steps = inner_steps if test_steps is None else test_steps
        self._discount, self._decay = discount, decay

    def compile(
        self,
        step: policy_steps.PolicyStep | None = None,
        *,
        jit_compile: bool = True,
    ) -> None:
        """Says how outer steps are made.

        Args:
            step: `TrustRegion` by default, or `ClippedSurrogate`.
            jit_compile: whether XLA compiles inner and outer steps.
        """
        self._improve_by(trust_region.TrustRegion() if step is None else step)
        self._prepared_for: int | None = None
        self._adapt, self._improve = (
            tf.function(function, autograph=False, jit_compile=jit_compile)
            for function in (self.adapted_weights, self._make_outer_step)
        )

    def fit(
        self,
        environments: Sequence[environment.Environment],
        *,
        iterations: int,
        episodes: int = 20,
        seed: int = 0,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
        checkpoints: str | os.PathLike | None = None,
        save_every: int = 10,
    ) -> list[dict[str, float]]:
        """Learns to adapt.

        In each iteration each environment takes one of its goals at random, and
        is one task of the meta-batch.

        Args:
            environments: one for each task of a meta-batch.
            iterations: how many there are to be in all, those of earlier calls
                among them.
            episodes: of each task before each step, and after the last.
            seed: fixes goals, episodes and actions.
            callbacks: Keras callbacks, see `progress.Progress` for their logs;
                an iteration is an epoch.
            verbose: 1 to print a line of progress, 0 for none.
            checkpoints: a folder for checkpoints, of this run alone; None for
                none. A run that was killed goes on when the same call is made
                again, with an agent built and compiled alike, and ends with the
                same weights bit for bit.
            save_every: iterations from one checkpoint to the next.

        Returns:
            For each iteration the mean returns `"return_before"` and
            `"return_after"`, and what the outer step reports.

        Raises:
            InputError: if `compile` was not called, an argument is out of
                range, an environment gives what is not finite, or
                `checkpoints` holds another run.
            OSError: if a checkpoint cannot be written.
        """
        arguments.check_positive_integers(
            iterations=iterations, episodes=episodes, save_every=save_every
        )
        step = self._compiled_step()
        if self._prepared_for != len(environments):
            step.prepare(self.policy.variables, len(environments))
            self._prepared_for = len(environments)

        def iterate(number: int) -> iterations_lib.Iteration:
            generator = np.random.default_rng([seed, number])
            goals = [
                int(generator.integers(len(each.goals)))
                for each in environments
            ]
            batches, played = self._play(
                environments, goals, episodes, self._inner_steps, generator
            )
            of_step = self._improve(
                batches, minibatches.seed_tensor(int(generator.integers(2**32)))
            )
            report = {
                "return_before": _mean_return(played[0]),
                "return_after": _mean_return(played[-1]),
            }
            report |= {name: float(value) for name, value in of_step.items()}
            return played[-1], report

        return iterations_lib.run(
            self,
            environments,
            iterate,
            iterations=iterations,
            steps_per_iteration=(self._inner_steps + 1)
            * _steps(environments, episodes),
            settings={**self._settings, "episodes": episodes, "seed": seed},
            callbacks=callbacks,
            verbose=verbose,
            checkpoints=checkpoints,
            save_every=save_every,
        )

    def evaluate(
        self,
        environments: Sequence[environment.Environment],
        goals: Sequence[int] | None = None,
        *,
        episodes: int = 20,
        steps: int | None = None,
        seed: int = 0,
    ) -> list[list[collecting.EpisodeScore]]:
        """Adapts to tasks, and plays before and after each inner step.

        Args:
            environments: one for each task.
            goals: the number of each task's goal; by default the first.
            episodes: of each task before each step, and after the last.
            steps: inner steps. Default: as many as in training.
            seed: fixes episodes and actions.

        Returns:
            The episodes before the first step, after it, and so on.

        Raises:
            InputError: see `fit`.
        """
        self._compiled_step()
        return self._play(
            environments,
            goals,
            episodes,
            self._inner_steps if steps is None else steps,
            np.random.default_rng([seed]),
        )[1]

    def adapt(
        self,
        trial: rollouts.Rollouts | None,
        tasks: int,
    ) -> adapting.TaskActor:
        """Returns what acts in tasks after the policy's inner steps on a trial.

        It is an `adapting.AdaptiveAgent`. With several steps all of them are on
        the whole trial; `evaluate` plays before each, as training does.

        Args:
            trial: what the policy did in each task, see `explore`; None: no
                step is made.
            tasks: number of tasks.

        Raises:
            InputError: if the trial is of other tasks or observations.
        """
        weights = None
        if trial is not None:
            adapting.check_trial(trial, tasks, self._sizes)
            # Not compiled, for each length of a trial would be anew.
            weights = self.adapted_weights(
                [self._batch(trial)] * self._test_steps
            )
        return _Actor(self.policy.actor(weights))

    def explore(
        self,
        trial: rollouts.Rollouts | None,
        tasks: int,
        generator: np.random.Generator,
    ) -> adapting.TaskActor:
        """Returns what plays a trial: the policy as it is before any step.

        The policy gradient is that of the policy which acted. See
        `adapting.AdaptiveAgent`.
        """
        del trial, tasks, generator
        return _Actor(self.policy.actor())

    def adapted_weights(
        self,
        batches: Sequence[policy_losses.PolicyBatch],
        weights: Sequence[tf.Tensor] | None = None,
    ) -> list[tf.Tensor]:
        """Makes inner steps, as a function that can be differentiated.

        Args:
            batches: what the tasks' policies did before each step.
            weights: where the steps start, each weight one for all tasks or
                with a leading axis of tasks. Default: the policy's variables.

        Returns:
            The weights after the last step, with a leading axis of tasks.
        """
        tasks = batches[0].advantage.shape[0]
        variables = self.policy.variables
        start = [
            value
            if len(value.shape) > len(variable.shape)
            else tf.broadcast_to(value, (tasks, *variable.shape))
            for value, variable in zip(
                map(
                    tf.convert_to_tensor,
                    variables if weights is None else weights,
                ),
                variables,
                strict=True,
            )
        ]

        def loss(adapted, batch):
            # Of their sum: each depends on its task's weights alone.
            return tf.reduce_sum(
                self._inner_loss(self.policy(adapted, batch.observation), batch)
            )

        return inner_loop.descend(
            loss,
            start,
            lambda number: batches[number],
            rates=[self._rate] * len(start),
            steps=len(batches),
            first_order=self._first_order,
        )

    def _play(
        self, environments, goals, episodes, steps, generator
    ) -> tuple[
        list[policy_losses.PolicyBatch], list[list[collecting.EpisodeScore]]
    ]:
        """Plays before each inner step and after the last."""
        collecting.check_fit(environments, len(environments), self._sizes)
        batches: list[Any] = []
        played = []
        for number in range(steps + 1):
            weights = self._adapt(batches) if number else None
            actor = _Actor(self.policy.actor(weights))

            def act(observations, actor=actor):
                return actor.draw(observations, generator)

            taken = rollouts.collect(
                environments,
                act,
                steps=_steps(environments, episodes),
                seed=int(generator.integers(2**31)),
                goals=[0] * len(environments) if goals is None else goals,
            )
            batches.append(self._batch(taken))
            played.append(taken.scores)
        return batches, played

    def _batch(self, taken: rollouts.Rollouts) -> policy_losses.PolicyBatch:
        """Returns rollouts as tensors, with advantages over a linear baseline.

        The baseline knows the time: where an episode is cut off at its horizon,
        nothing more is to be expected.
        """
        seen, after = (
            taken.transitions.observation,
            taken.transitions.next_observation,
        )
        final = np.maximum(taken.transitions.terminated, taken.cut_off)
        baseline = baselines.LinearBaseline()
        for _ in range(2):  # The first time it knows nothing, and learns.
            batch, returns = rollouts.to_batch(
                taken,
                baseline(seen, taken.times),
                baseline(after, taken.times + 1),
                final,
                discount=self._discount,
                decay=self._decay,
            )
            baseline.fit(seen, taken.times, returns)
        return batch.as_tensors()

    def _make_outer_step(
        self, batches: Sequence[policy_losses.PolicyBatch], seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        *seen, outcome = batches

        def distributions(weights, observations):
            if seen:
                weights = self.adapted_weights(seen, weights)
            return self.policy(weights, observations)

        return self._compiled_step().improve(
            distributions, self.policy.variables, outcome, seed
        )


class _Actor:
    """Acts in several tasks, and learns nothing on the way."""

    def __init__(self, actor: policies.NormalActor):
        self._actor = actor

    def act(self, observations: np.ndarray) -> np.ndarray:
        """See `adapting.TaskActor`."""
        means = self._actor.mean(np.asarray(observations)[:, np.newaxis])
        return np.clip(means[:, 0], -1, 1)

    def draw(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """See `adapting.TaskActor`."""
        return self._actor.draw(observations[:, np.newaxis], generator)[:, 0]

    def observe(
        self, transitions: replay.Transitions, ended: np.ndarray
    ) -> None:
        """See `adapting.TaskActor`."""


def _steps(
    environments: Sequence[environment.Environment], episodes: int
) -> int:
    """Returns the steps in which so many episodes end, in each environment."""
    return episodes * max(each.horizon for each in environments)


def _mean_return(scores: Sequence[collecting.EpisodeScore]) -> float:
    return float(np.mean([score.total_reward for score in scores]))

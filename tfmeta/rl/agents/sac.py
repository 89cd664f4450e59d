"""Soft actor-critic for one task or several."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.optimizers import descent
from tfmeta.rl import (
    collecting,
    exporting,
    networks,
    normalization,
    off_policy,
    policies,
    progress,
    replay,
    run_checkpoints,
    sac_updates,
    task_inputs,
)
from tfmeta.rl.agents import agent


class SAC(agent.Agent):
    """Soft actor-critic (Haarnoja et al. 2018), one gradient for each task.

    Twin critics, target critics that follow them, and a temperature for each
    task, which keeps the entropy of its actions near a target. All tasks have
    one actor and one pair of critics, to which each task is a one-hot vector
    behind the inputs, or whose last layers each task has for itself, see
    `per_task_from`; with one task it is the ordinary agent.

    The losses of tasks are averaged. With an ordinary optimizer an update makes
    one backward pass of their mean; with one of `tfmeta.optimizers`, such as
    `PCGrad(Adam(3e-4))`, one gradient for each task, which it combines.

        pendulum = GymnasiumEnvironment(gymnasium.make("Pendulum-v1"))
        agent = SAC(pendulum.observation_size, pendulum.action_size)
        agent.compile()
        agent.fit([pendulum], steps=10_000)

    Attributes:
        actor: from observations to `2 action_size` numbers, see
            `networks.TaskNetwork` and `policies.SquashedNormal`.
        critics: two, from observations and actions to a number.
        target_critics: these as they were, see `target_rate`.
        log_temperatures: log alpha of each task, `[tasks]`.
        updates: how many were made, which is also what noise is drawn by.
        stop_training: a callback sets it to end `fit` after the epoch.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action, in (-1, 1).
        tasks: number of tasks.
        hidden: units of the hidden layers of actor and critics.
        critic_hidden: those of critics, if they are others.
        per_task_from: the first layer of which each task has its own weights:
            -1 for an actor and critics with a head for each task (multi-head
            SAC), 0 for an agent for each. Default: tasks share all.
        discount: gamma.
        target_rate: tau, how far target critics move to the critics in an
            update.
        target_entropy: of a policy, in nats; by default minus `action_size`.
        initial_temperature: alpha at first.
        reward_scale: what rewards are multiplied by.
        normalize_observations: whether networks see observations less their
            mean, over their standard deviation, of all that were seen in `fit`,
            see `normalization.RunningNormalizer`.
        normalize_rewards: whether rewards of the replay are divided by the mean
            of their task's absolute values, see
            `normalization.RewardNormalizer`.
        actor: a network of yours, see the attribute, activated as `Mirror`
            says. By default ReLU and `hidden`.
        critics: likewise two.
        seed: fixes the noise of actions in updates. Weights are Keras'.

    Raises:
        InputError: if an argument is out of range, or a network is another.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        tasks: int = 1,
        *,
        hidden: Sequence[int] = (256, 256),
        critic_hidden: Sequence[int] | None = None,
        per_task_from: int | None = None,
        discount: float = 0.99,
        target_rate: float = 5e-3,
        target_entropy: float | None = None,
        initial_temperature: float = 1.0,
        reward_scale: float = 1.0,
        normalize_observations: bool = False,
        normalize_rewards: bool = False,
        actor: keras.Model | None = None,
        critics: Sequence[keras.Model] = (),
        seed: int = 0,
    ):
        arguments.check_positive_integers(
            observation_size=observation_size,
            action_size=action_size,
            tasks=tasks,
        )
        arguments.check_shares(discount=discount, target_rate=target_rate)
        arguments.check_positive(
            initial_temperature=initial_temperature, reward_scale=reward_scale
        )
        self.tasks = tasks
        self._sizes = observation_size, action_size
        self._losses: dict[str, Any] = {
            "discount": discount,
            "target_rate": target_rate,
            "target_entropy": float(
                -action_size if target_entropy is None else target_entropy
            ),
            "reward_scale": reward_scale,
            "seed": seed,
        }

        def perceptron(inputs, outputs, hidden, name):
            all_own = per_task_from is not None and (
                per_task_from % (len(hidden) + 1) == 0
            )
            return policies.perceptron(
                inputs if all_own else inputs + task_inputs.size(tasks),
                outputs,
                hidden,
                name=name,
                tasks=tasks,
                per_task_from=per_task_from,
            )

        if critic_hidden is None:
            critic_hidden = hidden
        self._learned = sac_updates.SACNetworks(
            actor
            or perceptron(observation_size, 2 * action_size, hidden, "actor"),
            list(critics)
            or [
                perceptron(
                    observation_size + action_size, 1, critic_hidden, name
                )
                for name in ("critic1", "critic2")
            ],
            tasks=tasks,
            sizes=self._sizes,
            temperature=initial_temperature,
        )
        self._mirror = networks.TaskMirror(self._learned.actor)
        self._normalizer = (
            normalization.RunningNormalizer(observation_size)
            if normalize_observations
            else None
        )
        self._reward_normalizer = (
            normalization.RewardNormalizer(tasks) if normalize_rewards else None
        )
        self._step: Any = None
        self._settings: dict[str, Any] = {
            "agent": type(self).__name__,
            "tasks": tasks,
            **self._losses,
            # Of a run it is another.
            "agent_seed": seed,
            "normalize_observations": normalize_observations,
            "normalize_rewards": normalize_rewards,
            "layers": [
                [
                    type(layer).__name__,
                    layer.units,
                    keras.activations.serialize(layer.activation),
                ]
                for network in (self._learned.actor, *self._learned.critics)
                for layer in network.layers
            ],
        }

    @property
    def actor(self) -> keras.Model:
        """The actor, see above."""
        return self._learned.actor.network

    @property
    def critics(self) -> list[keras.Model]:
        """The critics, see above."""
        return [critic.network for critic in self._learned.critics]

    @property
    def target_critics(self) -> list[keras.Model]:
        """The target critics, see above."""
        return [critic.network for critic in self._learned.target_critics]

    @property
    def log_temperatures(self) -> keras.Variable:
        """Logarithms of the temperatures, see above."""
        return self._learned.log_temperatures

    @property
    def updates(self) -> keras.Variable:
        """The number of updates, see above."""
        return self._learned.updates

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The actor's, which is what Keras' callbacks look at."""
        return self._optimizers[0]

    @property
    def variables(self) -> list[keras.Variable]:
        """All that the compiled agent has learned, optimizers' state too."""
        return [
            *self._learned.variables,
            *(v for each in self._optimizers for v in each.variables),
        ]

    def compile(
        self,
        actor_optimizer: keras.optimizers.Optimizer | None = None,
        critic_optimizer: keras.optimizers.Optimizer | None = None,
        temperature_optimizer: keras.optimizers.Optimizer | None = None,
        *,
        jit_compile: bool = True,
    ) -> None:
        """Says how updates are made.

        Args:
            actor_optimizer: an optimizer of Keras, or of task gradients; by
                default Adam at 3e-4, as are the others.
            critic_optimizer: likewise.
            temperature_optimizer: an optimizer of Keras.
            jit_compile: whether XLA compiles updates.
        """
        actor, critic, temperature = (
            optimizer or keras.optimizers.Adam(3e-4)
            for optimizer in (
                actor_optimizer,
                critic_optimizer,
                temperature_optimizer,
            )
        )
        learned = self._learned
        actor_descent, critic_descent = map(descent.Descent, (actor, critic))
        # Before the step is traced, within which no variable may be made.
        actor_descent.prepare(learned.actor.variables, self.tasks)
        critic_descent.prepare(learned.of_critics, self.tasks)
        temperature.build([learned.log_temperatures])
        self._optimizers = actor, critic, temperature
        self._settings |= {
            "actor_optimizer": run_checkpoints.optimizer_settings(actor),
            "critic_optimizer": run_checkpoints.optimizer_settings(critic),
            "temperature_optimizer": run_checkpoints.optimizer_settings(
                temperature
            ),
            "jit_compile": jit_compile,
        }
        self._step = tf.function(
            sac_updates.SACUpdates(
                learned,
                actor_descent,
                critic_descent,
                temperature,
                tasks=self.tasks,
                sizes=self._sizes,
                **self._losses,
            ).__call__,
            autograph=False,
            jit_compile=jit_compile,
        )

    def update(self, batches: replay.Transitions) -> dict[str, np.ndarray]:
        """Makes one update, or several in one compiled call.

        Args:
            batches: of each task, `[tasks, batch, ...]`; with an axis of
                updates before that, one for each. Observations are as the
                environment gave them.

        Returns:
            Means over the updates, `[tasks]` each: `"critic_loss"`,
            `"actor_loss"`, `"entropy"` in nats, `"temperature"`.

        Raises:
            InputError: if `compile` was not called, or the batches are of
                another number of tasks.
        """
        if self._step is None:
            raise errors.InputError("update: call compile first")
        shape = np.shape(batches.reward)
        if len(shape) not in (2, 3) or shape[-2] != self.tasks:
            raise errors.InputError(
                f"batches: rewards of shape {shape}, expected [updates, "
                f"{self.tasks} tasks, batch]"
            )
        rows = replay.as_rows(
            batches._replace(
                observation=self._normalized(batches.observation),
                next_observation=self._normalized(batches.next_observation),
                reward=self._reward_normalizer(batches.reward)
                if self._reward_normalizer
                else batches.reward,
            )
        )
        report, actor = self._step(
            tf.constant(rows if rows.ndim == 4 else rows[np.newaxis])
        )
        self._mirror.take(list(map(np.asarray, actor)))
        return {name: value.numpy() for name, value in report.items()}

    def fit(
        self,
        environments: Sequence[environment.Environment],
        *,
        steps: int,
        batch_size: int = 256,
        warm_up: int = 1000,
        capacity: int = 1_000_000,
        updates_per_call: int = 1,
        seed: int = 0,
        steps_per_epoch: int = 1000,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
        checkpoints: str | os.PathLike | None = None,
    ) -> list[collecting.EpisodeScore]:
        """Learns from acting: a step in each environment, then an update.

        With `checkpoints`, a run that was killed goes on when the same call is
        made again, with an agent built and compiled alike, and ends with the
        same weights and episodes bit for bit; one that had ended goes on to
        more `steps`. State that callbacks keep is not in checkpoints, and the
        end of an epoch at which the run was killed may reach them twice.

        Args:
            environments: one for each task.
            steps: in each environment.
            batch_size: transitions of each task in an update.
            warm_up: steps with random actions before the first update.
            capacity: transitions of each task that are remembered.
            updates_per_call: updates in one compiled call, after as many steps.
            seed: fixes episodes, actions and what is drawn of the replay.
            steps_per_epoch: steps, in each environment, after which callbacks
                are called and a checkpoint is written.
            callbacks: Keras callbacks, see `progress.Progress` for their logs;
                the losses among them are those that `update` returns.
            verbose: 1 to print a line of progress, 0 for none.
            checkpoints: a folder for checkpoints, of this run alone; None for
                none.

        Returns:
            The episodes, in the order of their ends.

        Raises:
            InputError: if the environments do not fit the agent, an argument is
                out of range, an environment gives what is not finite, or
                `checkpoints` holds another run.
            OSError: if a checkpoint cannot be written.
        """
        collecting.check_fit(environments, self.tasks, self._sizes)
        if self._step is None:
            raise errors.InputError("fit: call compile first")
        arguments.check_positive_integers(
            updates_per_call=updates_per_call, steps_per_epoch=steps_per_epoch
        )
        sizes = {
            "batch_size": batch_size,
            "warm_up": warm_up,
            "capacity": capacity,
            "seed": seed,
        }
        run = off_policy.OffPolicyRun(environments, steps=steps, **sizes)
        saved = None
        if checkpoints is not None:
            saved = run_checkpoints.RunCheckpoints(
                checkpoints,
                settings={
                    **self._settings,
                    **sizes,
                    "updates_per_call": updates_per_call,
                    "environments": [each.name for each in environments],
                    "horizons": [each.horizon for each in environments],
                },
                variables=self.variables,
                parts={"collector": run.collector, "replay": run.replay},
            )
            if (state := saved.restore(steps)) is not None:
                run.set_state(state["run"])
                self._set_statistics(state)
        told = progress.Progress(
            self,
            environments,
            steps=steps,
            callbacks=callbacks,
            verbose=verbose,
        )
        self._mirror.refresh()
        told.begin(run.steps)
        while run.steps < steps and not self.stop_training:
            epoch = run.steps // steps_per_epoch
            told.begin_epoch(epoch)
            while run.steps < min((epoch + 1) * steps_per_epoch, steps):
                actions = self._explore(
                    run.collector.observations,
                    run.generator,
                    knows_better=run.steps >= warm_up,
                )
                transitions, finished = run.step(actions)
                if self._reward_normalizer:
                    self._reward_normalizer.add(transitions.reward)
                told.add(finished)
                if run.steps >= warm_up and run.steps % updates_per_call == 0:
                    told.add(report=self.update(run.sample(updates_per_call)))
            told.end_epoch(epoch, run.steps)
            if saved is not None:
                saved.save(
                    run.steps, {"run": run.state(), **self._statistics()}
                )
        told.end()
        return run.scores

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Returns the likeliest actions, `[tasks, action_size]`.

        Args:
            observations: of each task, `[tasks, observation_size]`.

        Raises:
            InputError: if they are of another shape.
        """
        return self.snapshot()(observations)

    def snapshot(self) -> Callable[[np.ndarray], np.ndarray]:
        """Returns what `act` does, with the weights as they are now.

        For many steps: `act` reads the weights at each.
        """
        run = networks.TaskMirror(self._learned.actor)
        expected = self.tasks, self._sizes[0]

        def act(observations: np.ndarray) -> np.ndarray:
            if np.shape(observations) != expected:
                raise errors.InputError(
                    f"observations: of shape {np.shape(observations)}, "
                    f"expected [tasks, observation_size], {expected}"
                )
            outputs = run(self._normalized(observations))
            return np.tanh(outputs[:, : self._sizes[1]])

        return act

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
            self.actor,
            lambda outputs: policies.SquashedNormal.of(outputs).mode(),
            tasks=self.tasks,
            normalizer=self._normalizer,
        )

    @property
    def _learned_variables(self) -> list[keras.Variable]:
        return self._learned.variables

    def _statistics(self) -> dict[str, Any]:
        """Returns the states of what normalizes, by name."""
        return {name: each.state() for name, each in self._normalizers.items()}

    def _set_statistics(self, state: Mapping[str, Any]) -> None:
        for name, each in self._normalizers.items():
            each.set_state(state[name])

    @property
    def _normalizers(self) -> dict[str, Any]:
        both = {
            "normalize_observations": self._normalizer,
            "normalize_rewards": self._reward_normalizer,
        }
        return {name: each for name, each in both.items() if each}

    def _explore(self, observations, generator, *, knows_better):
        """Draws actions; what is seen counts for normalization."""
        if self._normalizer:
            self._normalizer.add(observations)
        shape = (self.tasks, self._sizes[1])
        if not knows_better:
            return generator.uniform(-1, 1, shape).astype(np.float32)
        outputs = self._mirror(self._normalized(observations))
        mean, log_scale = np.split(outputs, 2, axis=-1)
        scale = np.exp(np.clip(log_scale, *policies.LOG_SCALES))
        noise = generator.standard_normal(shape, np.float32)
        return np.tanh(mean + scale * noise)

    def _normalized(self, observations):
        if self._normalizer is None:
            return observations
        return self._normalizer(observations)

"""Soft actor-critic for one task or several."""

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta import checkpoint_folder, errors
from tfmeta.environments import environment
from tfmeta.functional import dense_chain
from tfmeta.gradients import batched
from tfmeta.layers import arguments
from tfmeta.optimizers import descent
from tfmeta.rl import (
    collecting,
    exporting,
    mirror,
    networks,
    normalization,
    off_policy,
    policies,
    progress,
    replay,
    run_checkpoints,
    sac_losses,
    task_inputs,
)

# Before the names of the normalizer's statistics among saved weights.
_STATISTICS = "normalizer."


class SAC:
    """Soft actor-critic (Haarnoja et al. 2018), one gradient for each task.

    Twin critics, target critics that follow them, and a temperature for each
    task, which keeps the entropy of its actions near a target. All tasks have
    one actor and one pair of critics, to which each task is a one-hot vector
    behind the observation; with one task there is none, and it is the ordinary
    agent.

    The losses of tasks are averaged. With an ordinary optimizer an update makes
    one backward pass of their mean; with one of `tfmeta.optimizers`, such as
    `PCGrad(Adam(3e-4))`, one gradient for each task, which it combines.

        pendulum = GymnasiumEnvironment(gymnasium.make("Pendulum-v1"))
        agent = SAC(pendulum.observation_size, pendulum.action_size)
        agent.compile()
        agent.fit([pendulum], steps=10_000)

    Attributes:
        actor: from observations (and task) `[batch, inputs]` to `[batch, 2
            action_size]`, see `policies.SquashedNormal`.
        critics: two, from observations (and task) and actions to `[batch, 1]`.
        target_critics: these as they were, see `target_rate`.
        log_temperatures: log alpha of each task, `[tasks]`.
        updates: how many were made, which is also what noise is drawn by.
        stop_training: a callback sets it to end `fit` after the epoch.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action, in (-1, 1).
        tasks: number of tasks.
        hidden: units of the hidden layers of actor and critics.
        discount: gamma.
        target_rate: tau, how far target critics move to the critics in an
            update.
        target_entropy: of a policy, in nats; by default minus `action_size`.
        initial_temperature: alpha at first.
        reward_scale: what rewards are multiplied by.
        normalize_observations: whether networks see observations less their
            mean, over their standard deviation, of all that were seen in `fit`,
            see `normalization.RunningNormalizer`.
        actor: a network of yours, see the attribute: a built chain of `Dense`
            layers, activated as `Mirror` says. By default ReLU and `hidden`.
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
        discount: float = 0.99,
        target_rate: float = 5e-3,
        target_entropy: float | None = None,
        initial_temperature: float = 1.0,
        reward_scale: float = 1.0,
        normalize_observations: bool = False,
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
        self._discount = discount
        self._target_rate = target_rate
        self._target_entropy = float(
            -action_size if target_entropy is None else target_entropy
        )
        self._reward_scale = reward_scale
        self._seed = seed
        self._sizes = observation_size, action_size
        inputs = observation_size + task_inputs.size(tasks)
        self.actor = actor or policies.perceptron(
            inputs, 2 * action_size, hidden, name="actor"
        )
        networks.check_network(
            "actor", self.actor, inputs=inputs, outputs=2 * action_size
        )
        inputs += action_size
        self.critics = list(critics) or [
            policies.perceptron(inputs, 1, hidden, name=f"critic{n}")
            for n in (1, 2)
        ]
        for critic in self.critics:
            networks.check_network("critics", critic, inputs=inputs, outputs=1)
        if len(self.critics) != 2 or self.critics[0] is self.critics[1]:
            raise errors.InputError(
                f"critics: expected two networks, got {len(set(self.critics))}"
            )
        self.target_critics = list(map(keras.models.clone_model, self.critics))
        for target, critic in zip(
            self.target_critics, self.critics, strict=True
        ):
            target.set_weights(critic.get_weights())
        self._normalizer = (
            normalization.RunningNormalizer(observation_size)
            if normalize_observations
            else None
        )
        self.log_temperatures = keras.Variable(
            np.full(tasks, np.log(initial_temperature)),
            dtype="float32",
            name="log_temperatures",
        )
        self.updates = keras.Variable(
            0, dtype="int64", trainable=False, name="updates"
        )
        self._act = dense_chain.DenseChain(self.actor)
        self._mirror = mirror.Mirror(self.actor)
        self._judges = list(map(dense_chain.DenseChain, self.critics))
        self._step: Any = None
        self.stop_training = False
        self._settings: dict[str, Any] = {
            "agent": type(self).__name__,
            "tasks": tasks,
            "discount": discount,
            "target_rate": target_rate,
            "target_entropy": self._target_entropy,
            "reward_scale": reward_scale,
            "normalize_observations": normalize_observations,
            "layers": [
                [layer.units, keras.activations.serialize(layer.activation)]
                for chain in (self._act, *self._judges)
                for layer in chain.layers
            ],
            "agent_seed": seed,
        }

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The actor's, which is what Keras' callbacks look at."""
        return self._actor_descent.optimizer

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
        self._actor_descent = descent.Descent(actor)
        self._critic_descent = descent.Descent(critic)
        self._temperature_optimizer = temperature
        # Before the step is traced, within which no variable may be made.
        self._actor_descent.prepare(self.actor.trainable_variables, self.tasks)
        self._critic_descent.prepare(_variables(self.critics), self.tasks)
        temperature.build([self.log_temperatures])
        self._settings |= {
            "actor_optimizer": run_checkpoints.optimizer_settings(actor),
            "critic_optimizer": run_checkpoints.optimizer_settings(critic),
            "temperature_optimizer": run_checkpoints.optimizer_settings(
                temperature
            ),
            "jit_compile": jit_compile,
        }
        self._step = tf.function(
            self._make_updates, autograph=False, jit_compile=jit_compile
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
        arrays = [
            np.asarray(part, np.float32)
            for part in batches._replace(
                observation=self._normalized(batches.observation),
                next_observation=self._normalized(batches.next_observation),
            )
        ]
        if arrays[2].ndim == 2:
            arrays = [part[np.newaxis] for part in arrays]
        if arrays[2].ndim != 3 or arrays[2].shape[1] != self.tasks:
            raise errors.InputError(
                f"batches: rewards of shape {arrays[2].shape}, expected "
                f"[updates, {self.tasks} tasks, batch]"
            )
        report, actor = self._step(
            replay.Transitions(*map(tf.constant, arrays))
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
                variables=[*self._learned, *self._optimizer_variables],
                parts={"collector": run.collector, "replay": run.replay},
            )
            if (state := saved.restore(steps)) is not None:
                run.set_state(state["run"])
                if self._normalizer:
                    self._normalizer.set_state(state["normalizer"])
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
                told.add(run.step(actions))
                if run.steps >= warm_up and run.steps % updates_per_call == 0:
                    told.add(report=self.update(run.sample(updates_per_call)))
            told.end_epoch(epoch, run.steps)
            if saved is not None:
                state = {"run": run.state()}
                if self._normalizer:
                    state["normalizer"] = self._normalizer.state()
                saved.save(run.steps, state)
        told.end()
        return run.scores

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Returns the likeliest actions, `[tasks, action_size]`.

        Args:
            observations: of each task, `[tasks, observation_size]`.

        Raises:
            InputError: if they are of another shape.
        """
        expected = self.tasks, self._sizes[0]
        if np.shape(observations) != expected:
            raise errors.InputError(
                f"observations: of shape {np.shape(observations)}, expected "
                f"[tasks, observation_size], {expected}"
            )
        # Whoever sets weights does not say so.
        self._mirror.refresh()
        outputs = self._mirror(self._rows(observations))
        return np.tanh(outputs[:, : self._sizes[1]])

    def save_weights(self, path: str | os.PathLike) -> None:
        """Writes what the agent has learned, optimizers' state left out.

        Args:
            path: a file, replaced if it exists.

        Raises:
            OSError: if it cannot be written.
        """
        learned = checkpoint_folder.numbered(self._learned)
        arrays = {name: v.numpy() for name, v in learned.items()}
        if self._normalizer:
            arrays |= _prefixed(self._normalizer.state())
        path = pathlib.Path(path)
        temporary = path.with_name(f".{path.name}.writing")
        checkpoint_folder.write_arrays(temporary, arrays)
        temporary.replace(path)

    def load_weights(self, path: str | os.PathLike) -> None:
        """Reads what `save_weights` wrote.

        Args:
            path: the file.

        Raises:
            InputError: if it cannot be read, or is of another agent.
        """
        what = f"weights {os.fspath(path)!r}"
        with checkpoint_folder.reading(what, "expected those of save_weights"):
            arrays = checkpoint_folder.read_arrays(pathlib.Path(path))
        state = {
            name.removeprefix(_STATISTICS): arrays.pop(name)
            for name in list(arrays)
            if name.startswith(_STATISTICS)
        }
        if bool(state) != bool(self._normalizer):
            raise errors.InputError(
                f"{what} is of an agent with normalize_observations="
                f"{bool(state)}, expected {bool(self._normalizer)}"
            )
        checkpoint_folder.assign(
            checkpoint_folder.numbered(self._learned), arrays, what
        )
        if self._normalizer:
            self._normalizer.set_state(state)

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
    def _learned(self) -> list[keras.Variable]:
        return [
            *_variables([self.actor, *self.critics, *self.target_critics]),
            self.log_temperatures,
            self.updates,
        ]

    @property
    def _optimizer_variables(self) -> list[keras.Variable]:
        return [
            *self._actor_descent.optimizer.variables,
            *self._critic_descent.optimizer.variables,
            *self._temperature_optimizer.variables,
        ]

    def _explore(self, observations, generator, *, knows_better):
        """Draws actions; what is seen counts for normalization."""
        if self._normalizer:
            self._normalizer.add(observations)
        shape = (self.tasks, self._sizes[1])
        if not knows_better:
            return generator.uniform(-1, 1, shape).astype(np.float32)
        outputs = self._mirror(self._rows(observations))
        mean, log_scale = np.split(outputs, 2, axis=-1)
        scale = np.exp(np.clip(log_scale, *policies.LOG_SCALES))
        noise = generator.standard_normal(shape, np.float32)
        return np.tanh(mean + scale * noise)

    def _normalized(self, observations):
        if self._normalizer is None:
            return observations
        return self._normalizer(observations)

    def _rows(self, observations: np.ndarray) -> np.ndarray:
        """Returns what the actor sees of each task."""
        return task_inputs.append(self._normalized(observations))

    def _make_updates(self, batches: replay.Transitions):
        count = batches.reward.shape[0]

        def one(number, reports):
            batch = replay.Transitions(*[part[number] for part in batches])
            report = self._make_update(batch)
            return number + 1, {
                name: reports[name] + value / count
                for name, value in report.items()
            }

        zeros = {
            name: tf.zeros(self.tasks)
            for name in ("critic_loss", "actor_loss", "entropy", "temperature")
        }
        _, report = tf.while_loop(
            lambda number, _: number < count, one, (tf.constant(0), zeros)
        )
        # What acts takes the weights from here, for reading them takes time.
        return report, _values([self.actor])

    def _make_update(self, transitions: replay.Transitions):
        transitions = transitions._replace(
            reward=self._reward_scale * transitions.reward
        )
        noise = tf.random.stateless_normal(
            (2, *transitions.action.shape),
            tf.stack([self._seed, tf.convert_to_tensor(self.updates)]),
        )
        temperatures = tf.exp(tf.convert_to_tensor(self.log_temperatures))
        seen = self._seen(transitions.observation)
        wanted = self._wanted(transitions, noise[0], temperatures)

        def critic_losses(weights):
            values = self._values(weights, seen, transitions.action)
            return sac_losses.critic_loss(values, wanted), ()

        def actor_losses(weights):
            actions, log_densities = policies.SquashedNormal.of(
                self._act(weights, seen)
            ).draw(noise[1])
            values = self._values(_values(self.critics), seen, actions)
            return sac_losses.actor_loss(
                values, log_densities, temperature=temperatures
            ), -tf.reduce_mean(log_densities, -1)

        of_critics = self._descend(
            self._critic_descent, critic_losses, _variables(self.critics)
        )
        of_actor = self._descend(
            self._actor_descent, actor_losses, self.actor.trainable_variables
        )
        self._change_temperatures(of_actor.outputs)
        for target, source in zip(
            _variables(self.target_critics),
            _variables(self.critics),
            strict=True,
        ):
            target.assign_add(self._target_rate * (source - target))
        self.updates.assign_add(1)
        return {
            "critic_loss": of_critics.losses,
            "actor_loss": of_actor.losses,
            "entropy": of_actor.outputs,
            "temperature": temperatures,
        }

    def _descend(self, how, losses, variables) -> batched.BatchedPass:
        tasks = batched.BatchedPass(
            losses, variables, self.tasks, by_task=how.makes_task_gradients
        )
        descent.descend(tasks, how)
        return tasks

    def _seen(self, observations: tf.Tensor) -> tf.Tensor:
        """Returns what networks see: observations, and which task it is."""
        if self.tasks == 1:
            return observations
        one_hot = tf.eye(self.tasks)[:, tf.newaxis]
        shape = (*observations.shape[:2], self.tasks)
        return tf.concat([observations, tf.broadcast_to(one_hot, shape)], -1)

    def _values(self, weights, seen, actions) -> tf.Tensor:
        """Returns what both critics say, `[tasks, batch, 2]`."""
        inputs = tf.concat([seen, actions], -1)
        first, second = self._judges
        of_first = len(self.critics[0].trainable_variables)
        return tf.concat(
            [
                first(weights[:of_first], inputs),
                second(weights[of_first:], inputs),
            ],
            -1,
        )

    def _wanted(self, transitions, noise, temperatures) -> tf.Tensor:
        """Returns what the critics are to say, `[tasks, batch]`."""
        seen = self._seen(transitions.next_observation)
        actions, log_densities = policies.SquashedNormal.of(
            self._act(_values([self.actor]), seen)
        ).draw(noise)
        return sac_losses.targets(
            transitions.reward,
            transitions.terminated,
            self._values(_values(self.target_critics), seen, actions),
            log_densities,
            temperature=temperatures[:, tf.newaxis],
            discount=self._discount,
        )

    def _change_temperatures(self, entropies: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = sac_losses.temperature_loss(
                tf.convert_to_tensor(self.log_temperatures),
                entropies,
                target=self._target_entropy,
            )
        # Of their sum, for each task has its own.
        gradient = tape.gradient(losses, self.log_temperatures.value)
        self._temperature_optimizer.apply([gradient], [self.log_temperatures])


def _variables(networks: Sequence[keras.Model]) -> list[keras.Variable]:
    return [v for network in networks for v in network.trainable_variables]


def _values(networks: Sequence[keras.Model]) -> list[tf.Tensor]:
    return list(map(tf.convert_to_tensor, _variables(networks)))


def _prefixed(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {
        f"{_STATISTICS}{name}": np.asarray(value)
        for name, value in state.items()
    }

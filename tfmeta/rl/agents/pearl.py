"""PEARL: soft actor-critic that knows of its task what it has seen of it."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.environments import environment
from tfmeta.layers import arguments
from tfmeta.optimizers import descent
from tfmeta.rl import (
    adapting,
    collecting,
    mirror,
    networks,
    pearl_updates,
    policies,
    replay,
    rollouts,
    run_checkpoints,
    sac_steps,
    task_replays,
)
from tfmeta.rl import iterations as iterations_lib
from tfmeta.rl.agents import agent


class PEARL(agent.Agent):
    """PEARL (Rakelly et al. 2019): off-policy, with a latent task variable.

    An encoder makes of rows of a task (state, action, reward) what is known of
    it: a normal distribution over a latent variable z, see `latent_tasks`.
    Actor and critics are those of soft actor-critic, and see z behind the
    observation. The encoder learns by the critics' loss and the price of what
    it says: the divergence from the prior. To the actor z is a number.

    In a trial the agent plays an episode by a z that is drawn from what it
    knows, which makes it try one answer after the other, and then knows more
    (posterior sampling). Adapted, it acts by the mean of z.

    Three things are not as in the paper's code. There is no network for the
    value of states, as in the second version of soft actor-critic; the
    temperature is learned, one for all tasks; and contexts are of whole trials,
    where those of its point robots are of episodes by the prior alone.

    An update averages the losses of a meta-batch of tasks. With an optimizer of
    `tfmeta.optimizers` for the critics, such as `PCGrad(Adam(3e-4))`, it makes
    one gradient for each, of critics and encoder, and combines them.

        agent = PEARL(2, 2)
        agent.compile()
        agent.fit(robots, iterations=50)
        actor = agent.adapt(play_trial(agent, robots, episodes=2, seed=0), 20)

    It is an `adapting.AdaptiveAgent`.

    Attributes:
        encoder: from rows `[batch, observation_size + action_size + 1]` to
            `[batch, 2 latent_size]`, see `latent_tasks.posterior`.
        actor: from observations and z to `[batch, 2 action_size]`.
        critics: two, from observations, z and actions to `[batch, 1]`.
        target_critics: these as they were, see `target_rate`.
        log_temperature: log alpha, a scalar.
        iterations: how many were made.
        updates: likewise of updates, by which noise is drawn.
        stop_training: a callback sets it to end `fit` after the iteration.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action, in (-1, 1).
        latent_size: numbers in z.
        hidden: units of the hidden layers of all networks, with ReLU.
        discount: gamma.
        target_rate: tau, how far target critics move to the critics in an
            update.
        target_entropy: of a policy, in nats; by default minus `action_size`.
        initial_temperature: alpha at first.
        reward_scale: what rewards are multiplied by.
        divergence_weight: the price of a nat that the encoder tells.
        seed: fixes the noise in updates. Weights are Keras'.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        latent_size: int = 5,
        hidden: Sequence[int] = (128, 128),
        discount: float = 0.99,
        target_rate: float = 5e-3,
        target_entropy: float | None = None,
        initial_temperature: float = 1.0,
        reward_scale: float = 1.0,
        divergence_weight: float = 0.1,
        seed: int = 0,
    ):
        arguments.check_positive_integers(
            observation_size=observation_size,
            action_size=action_size,
            latent_size=latent_size,
        )
        arguments.check_shares(discount=discount, target_rate=target_rate)
        arguments.check_positive(
            initial_temperature=initial_temperature, reward_scale=reward_scale
        )
        arguments.check_not_negative(divergence_weight=divergence_weight)
        self._sizes = observation_size, action_size
        self._latent_size = latent_size
        self._losses: dict[str, Any] = {
            "latent_size": latent_size,
            "discount": discount,
            "target_rate": target_rate,
            "target_entropy": float(
                -action_size if target_entropy is None else target_entropy
            ),
            "reward_scale": reward_scale,
            "divergence_weight": divergence_weight,
            "seed": seed,
        }
        self._reward_scale = reward_scale

        def network(name, inputs, outputs):
            return networks.TaskNetwork(
                name,
                policies.perceptron(inputs, outputs, hidden, name=name),
                inputs=inputs,
                outputs=outputs,
                tasks=1,  # What tells tasks apart is z.
            )

        seen = observation_size + latent_size
        critics, target_critics = (
            [
                network(f"{name}{number}", seen + action_size, 1)
                for number in (1, 2)
            ]
            for name in ("critic", "target_critic")
        )
        for target, critic in zip(target_critics, critics, strict=True):
            target.network.set_weights(critic.network.get_weights())
        self.iterations = keras.Variable(
            0, dtype="int64", trainable=False, name="iterations"
        )
        self._networks = pearl_updates.PEARLNetworks(
            network(
                "encoder", observation_size + action_size + 1, 2 * latent_size
            ),
            network("actor", seen, 2 * action_size),
            critics,
            target_critics,
            log_temperature=keras.Variable(
                np.log(initial_temperature),
                dtype="float32",
                name="log_temperature",
            ),
            updates=keras.Variable(
                0, dtype="int64", trainable=False, name="updates"
            ),
        )
        self._mirror = mirror.Mirror(self.actor)
        self._step: Any = None
        self._settings: dict[str, Any] = {
            "agent": type(self).__name__,
            "hidden": list(hidden),
            **self._losses,
            # Of a run it is another.
            "agent_seed": seed,
        }

    @property
    def encoder(self) -> keras.Model:
        """The encoder, see above."""
        return self._networks.encoder.network

    @property
    def actor(self) -> keras.Model:
        """The actor, see above."""
        return self._networks.actor.network

    @property
    def critics(self) -> list[keras.Model]:
        """The critics, see above."""
        return [critic.network for critic in self._networks.critics]

    @property
    def target_critics(self) -> list[keras.Model]:
        """The target critics, see above."""
        return [critic.network for critic in self._networks.target_critics]

    @property
    def log_temperature(self) -> keras.Variable:
        """Logarithm of the temperature, see above."""
        return self._networks.log_temperature

    @property
    def updates(self) -> keras.Variable:
        """The number of updates, see above."""
        return self._networks.updates

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The actor's, which is what Keras' callbacks look at."""
        return self._actor_descent.optimizer

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that the compiled agent has learned."""
        return [
            *self._learned_variables,
            *self._actor_descent.optimizer.variables,
            *self._critic_descent.optimizer.variables,
            *self._temperature_optimizer.variables,
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
            critic_optimizer: likewise, of critics and encoder.
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
        self._prepared_for: int | None = None
        temperature.build([self.log_temperature])
        self._settings |= {
            "actor_optimizer": run_checkpoints.optimizer_settings(actor),
            "critic_optimizer": run_checkpoints.optimizer_settings(critic),
            "temperature_optimizer": run_checkpoints.optimizer_settings(
                temperature
            ),
        }
        self._step = tf.function(
            pearl_updates.PEARLUpdates(
                self._networks,
                self._actor_descent,
                self._critic_descent,
                temperature,
                **self._losses,
            ).__call__,
            autograph=False,
            jit_compile=jit_compile,
        )

    def fit(
        self,
        environments: Sequence[environment.Environment],
        *,
        iterations: int,
        episodes: int = 3,
        updates: int = 200,
        updates_per_call: int = 50,
        meta_batch_size: int = 16,
        batch_size: int = 64,
        context_size: int = 64,
        capacity: int = 100_000,
        seed: int = 0,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
        checkpoints: str | os.PathLike | None = None,
        save_every: int = 10,
    ) -> list[dict[str, float]]:
        """Learns to adapt.

        Each goal of each environment is a task, with a replay of its own. In an
        iteration each environment takes the next of its goals and plays a trial
        as at test: an episode by z of the prior, then others by z of what is
        known after those before. Updates follow, each on tasks drawn of those
        that have been played.

        Replays are of this call and its `checkpoints`: what an earlier call saw
        is gone.

        Contexts are drawn of a task's last trial alone: of older ones, which
        began elsewhere, they would tell more than a trial at test does. A
        context has 1 to `context_size` rows, as many as are drawn: so what the
        encoder says of few rows is learned, too.

        Args:
            environments: where the tasks are; those of two that share a goal
                are two.
            iterations: how many there are to be in all, those of earlier calls
                among them.
            episodes: of a trial.
            updates: in an iteration.
            updates_per_call: of them in one compiled call.
            meta_batch_size: tasks in an update, drawn with replacement.
            batch_size: transitions of each.
            context_size: most rows of a context.
            capacity: transitions of a task that are remembered.
            seed: fixes episodes, actions and what is drawn.
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
            first episode and `"return_after"` of its last, and the updates'
            means: `"critic_loss"`, `"divergence"` in nats, `"actor_loss"`,
            `"entropy"`.

        Raises:
            InputError: if `compile` was not called, an argument is out of
                range, the environments do not fit the agent, an environment
                gives what is not finite, or `checkpoints` holds another run.
            OSError: if a checkpoint cannot be written.
        """
        self._check_compiled()
        sizes = {
            "episodes": episodes,
            "updates": updates,
            "updates_per_call": updates_per_call,
            "meta_batch_size": meta_batch_size,
            "batch_size": batch_size,
            "context_size": context_size,
            "capacity": capacity,
        }
        arguments.check_positive_integers(
            iterations=iterations, save_every=save_every, **sizes
        )
        if updates % updates_per_call:
            raise errors.InputError(
                f"updates={updates}: expected a multiple of updates_per_call="
                f"{updates_per_call}"
            )
        collecting.check_fit(environments, len(environments), self._sizes)
        if self._prepared_for != meta_batch_size:
            self._actor_descent.prepare(
                self.actor.trainable_variables, meta_batch_size
            )
            self._critic_descent.prepare(
                sac_steps.variables(self._networks.judging), meta_batch_size
            )
            self._prepared_for = meta_batch_size
        horizon = max(each.horizon for each in environments)
        steps = episodes * horizon
        # How often a task's turn comes at most.
        turns = -(-iterations // min(len(each.goals) for each in environments))
        # Where the tasks of each environment begin.
        starts = np.cumsum([0, *(len(each.goals) for each in environments)])
        contexts, memories = (
            task_replays.TaskReplays(int(starts[-1]), size, *self._sizes)
            for size in (steps, min(capacity, turns * steps))
        )

        def iterate(number: int) -> iterations_lib.Iteration:
            generator = np.random.default_rng([seed, number])
            goals = [number % len(each.goals) for each in environments]
            tasks = [
                int(start) + goal
                for start, goal in zip(starts[:-1], goals, strict=True)
            ]
            trial = adapting.play_trial(
                self,
                environments,
                goals,
                episodes=episodes,
                seed=int(generator.integers(2**31)),
            )
            memories.add(tasks, trial.transitions)
            contexts.add(tasks, trial.transitions)
            return trial.scores, {
                **adapting.mean_returns(trial),
                **self._learn(contexts, memories, sizes, generator),
            }

        return iterations_lib.run(
            self,
            environments,
            iterate,
            iterations=iterations,
            steps_per_iteration=steps,
            settings={**self._settings, **sizes, "seed": seed},
            callbacks=callbacks,
            verbose=verbose,
            checkpoints=checkpoints,
            save_every=save_every,
            parts={"contexts": contexts, "memories": memories},
        )

    def adapt(
        self, trial: rollouts.Rollouts | None, tasks: int
    ) -> adapting.TaskActor:
        """Returns what acts in tasks by the mean of z after a trial.

        See `adapting.AdaptiveAgent`. After no trial it is the prior's.
        """
        known = self.known(trial, tasks)
        return _Actor(self, known.mean().numpy())

    def explore(
        self,
        trial: rollouts.Rollouts | None,
        tasks: int,
        generator: np.random.Generator,
    ) -> adapting.TaskActor:
        """Returns what plays an episode of a trial by one z that is drawn.

        See `adapting.AdaptiveAgent`.
        """
        known = self.known(trial, tasks)
        noise = generator.standard_normal((tasks, self._latent_size))
        drawn = known.mean().numpy() + known.stddev().numpy() * noise
        return _Actor(self, drawn.astype(np.float32))

    def known(self, trial: rollouts.Rollouts | None, tasks: int) -> Any:
        """Returns what is known of tasks: a distribution over `[tasks, z]`.

        Args:
            trial: what was done in each task; None: nothing.
            tasks: number of tasks.

        Raises:
            InputError: if `compile` was not called, or the trial is of other
                tasks, observations or actions, or has no steps.
        """
        self._check_compiled()
        observation_size, action_size = self._sizes
        rows = np.zeros((tasks, 0, observation_size + action_size + 1))
        if trial is not None:
            adapting.check_trial(trial, tasks, self._sizes)
            rows = self._rows(trial.transitions)
        return self._networks.known(
            self._networks.encoder.values(),
            tf.constant(rows, tf.float32),
            tf.ones(rows.shape[:2]),
        )

    @property
    def _learned_variables(self) -> list[keras.Variable]:
        return [*self._networks.variables, self.iterations]

    def _check_compiled(self) -> None:
        if self._step is None:
            raise errors.InputError("PEARL: call compile first")

    def _rows(self, taken: replay.Transitions) -> np.ndarray:
        """Returns what the encoder sees, `[..., steps, inputs]`."""
        return np.concatenate(
            [
                taken.observation,
                # What is beyond has been clipped where it was done.
                np.clip(taken.action, -1, 1),
                self._reward_scale * taken.reward[..., np.newaxis],
            ],
            axis=-1,
        ).astype(np.float32)

    def _learn(self, contexts, memories, sizes, generator) -> dict[str, float]:
        calls = sizes["updates"] // sizes["updates_per_call"]
        sums = dict.fromkeys(pearl_updates.REPORTED, 0.0)
        tasks = memories.filled
        for _ in range(calls):
            parts = []
            for _ in range(sizes["updates_per_call"]):
                chosen = generator.choice(tasks, sizes["meta_batch_size"])
                parts.append(
                    (
                        memories.sample(chosen, sizes["batch_size"], generator),
                        self._rows(
                            contexts.sample(
                                chosen, sizes["context_size"], generator
                            )
                        ),
                    )
                )
            batches, rows = zip(*parts, strict=True)
            transitions = replay.Transitions(
                *map(np.stack, zip(*batches, strict=True))
            )
            counts = generator.integers(
                1,
                sizes["context_size"] + 1,
                transitions.reward.shape[:2],
            )
            present = np.arange(sizes["context_size"]) < counts[..., np.newaxis]
            report, actor = self._step(
                replay.Transitions(
                    *(tf.constant(part, tf.float32) for part in transitions)
                ),
                tf.constant(np.stack(rows)),
                tf.constant(present, tf.float32),
            )
            self._mirror.take(list(map(np.asarray, actor)))
            for name in sums:
                sums[name] += float(report[name]) / calls
        return sums


class _Actor:
    """Acts in several tasks, each by its z."""

    def __init__(self, agent: PEARL, latent: np.ndarray):
        self._agent = agent
        self._latent = latent
        # Whoever sets weights does not say so.
        agent._mirror.refresh()

    def act(self, observations: np.ndarray) -> np.ndarray:
        """See `adapting.TaskActor`."""
        mean, _ = np.split(self._outputs(observations), 2, axis=-1)
        return np.tanh(mean)

    def draw(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """See `adapting.TaskActor`."""
        mean, log_scale = np.split(self._outputs(observations), 2, axis=-1)
        scale = np.exp(np.clip(log_scale, *policies.LOG_SCALES))
        noise = generator.standard_normal(mean.shape, np.float32)
        return np.tanh(mean + scale * noise)

    def observe(
        self, transitions: replay.Transitions, ended: np.ndarray
    ) -> None:
        """See `adapting.TaskActor`."""

    def _outputs(self, observations: np.ndarray) -> np.ndarray:
        expected = len(self._latent), self._agent._sizes[0]
        if np.shape(observations) != expected:
            raise errors.InputError(
                f"observations: of shape {np.shape(observations)}, expected "
                f"[tasks, observation_size], {expected}"
            )
        return self._agent._mirror(
            np.concatenate([observations, self._latent], -1)
        )

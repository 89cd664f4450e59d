"""SAC's training steps, updates, actions and draws in tfmeta.

A module of `worker.py`. All runs on one core.
"""

import os
import threading
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from experiments.benchmarks import sac_floor
from tfmeta import environments, optimizers
from tfmeta.rl import replay
from tfmeta.rl.agents import sac

if TYPE_CHECKING:
    from experiments.benchmarks import sac_workloads, worker

_HIDDEN = (256, 256)
_CHEETAH = 17, 6
_META_WORLD = 39, 4
_TASKS, _ROWS, _BATCH = 10, 64, 256
_STORED = 100_000


def build(job: "sac_workloads.SACJob") -> "worker.Contender":
    """Returns the contender's step."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(job.intra_op_threads)
    tf.config.threading.set_inter_op_parallelism_threads(job.inter_op_threads)
    steps = {
        "update": _matmul if job.contender == "matmul" else _update,
        "tasks": _tasks,
        "act": _act,
        "replay": _replay,
    }
    return steps.get(job.workload, _train)(job), None  # type: ignore[return-value]


class _Turns(keras.callbacks.Callback):
    """Holds a run, in a thread of its own, between its epochs."""

    def __init__(self, run):
        super().__init__()
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=run, args=(self,), daemon=True).start()

    def on_train_begin(self, logs=None):
        self._go.acquire()

    def on_epoch_end(self, epoch, logs=None):
        self._done.release()
        self._go.acquire()

    def step(self) -> float:
        self._go.release()
        self._done.acquire()
        return 0.0


def _train(job):
    environment = (
        environments.load_metaworld(
            ["reach-v3"], reward_version="v2", horizon=500, goal="shown"
        )[0]
        if job.workload == "reach-v3"
        else _half_cheetah()
    )
    agent = sac.SAC(
        environment.observation_size, environment.action_size, hidden=_HIDDEN
    )
    agent.compile()
    turns = _Turns(
        lambda callback: agent.fit(
            [environment],
            steps=1_000_000,
            batch_size=_BATCH,
            warm_up=_BATCH,
            updates_per_call=16 if job.contender == "tfmeta_16" else 1,
            steps_per_epoch=job.count,
            callbacks=[callback],
            verbose=0,
        )
    )
    for _ in range(_BATCH // job.count):
        turns.step()  # The steps before the first update.
    return turns.step


def _half_cheetah():
    import gymnasium

    return environments.GymnasiumEnvironment(gymnasium.make("HalfCheetah-v5"))


def _update(job):
    agent = sac.SAC(*_CHEETAH, hidden=_HIDDEN)
    agent.compile()
    return _updates(agent, _batches(1, _BATCH, *_CHEETAH))


def _tasks(job):
    agent = sac.SAC(*_META_WORLD, _TASKS, hidden=_HIDDEN)
    adam = [keras.optimizers.Adam(3e-4) for _ in range(2)]
    agent.compile(
        *(map(optimizers.PCGrad, adam) if job.contender == "pcgrad" else adam)
    )
    return _updates(agent, _batches(_TASKS, _ROWS, *_META_WORLD))


def _updates(agent, batch):
    return lambda: float(agent.update(batch)["critic_loss"].mean())


def _batches(tasks, rows, observations, actions):
    generator = np.random.default_rng(0)

    def numbers(*size):
        return generator.normal(size=(tasks, rows, *size)).astype(np.float32)

    return replay.Transitions(
        numbers(observations),
        np.tanh(numbers(actions)),
        numbers(),
        numbers(observations),
        np.zeros((tasks, rows), np.float32),
    )


def _act(job):
    observation, actions = np.ones((1, _CHEETAH[0]), np.float32), _CHEETAH[1]
    agent = sac.SAC(*_CHEETAH, hidden=_HIDDEN)
    act = agent.act
    if job.contender == "compiled":
        compiled = tf.function(
            lambda seen: tf.tanh(agent.actor(seen)[:, :actions])
        )

        def act(seen):
            return compiled(tf.constant(seen)).numpy()

    def step() -> float:
        for _ in range(job.count):
            action = act(observation)
        return float(action[0, 0])

    return step


def _replay(job):
    memory = replay.Replay(1, _STORED, *_CHEETAH)
    row = replay.Transitions(*[p[:, 0] for p in _batches(1, 1, *_CHEETAH)])
    for _ in range(_STORED):
        memory.add(row)
    generator = np.random.default_rng(0)

    def step() -> float:
        for _ in range(job.count):
            batch = memory.sample(_BATCH, generator)
        return float(batch.reward[0, 0])

    return step


def _matmul(job):
    """Makes as many operations as an update has, in its largest product."""
    units = _HIDDEN[0]
    left, right = tf.ones((_BATCH, units)), tf.ones((units, units))
    flops = sac_floor.update_flops(*_CHEETAH, hidden=_HIDDEN, rows=_BATCH)
    count = round(flops / (2 * _BATCH * units**2))

    def step() -> float:
        for _ in range(count):
            product = tf.matmul(left, right)
        return float(product[0, 0])

    return step

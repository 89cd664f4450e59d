"""SAC's training steps, actions and draws in Stable-Baselines3 and in SBX.

A module of `worker.py`; imports nothing of this repository. All runs on one
core.
"""

import os
import threading
from typing import TYPE_CHECKING

import gymnasium
import numpy as np
import torch  # type: ignore[import-not-found,unused-ignore]
from stable_baselines3.common import (  # type: ignore[import-not-found,unused-ignore]
    callbacks,
)

if TYPE_CHECKING:
    from experiments.benchmarks import sac_workloads, worker

_HIDDEN = [256, 256]
_BATCH = 256
_STORED = 100_000


def build(job: "sac_workloads.SACJob") -> "worker.Contender":
    """Returns the contender's step."""
    # Before JAX makes its threads.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(job.intra_op_threads)
    if job.contender == "sb3":
        import stable_baselines3 as peer  # type: ignore[import-not-found,unused-ignore]
    else:
        import sbx as peer  # type: ignore[import-not-found,unused-ignore]
    updates = 16 if job.contender == "sbx_16" else 1
    model = peer.SAC(
        "MlpPolicy",
        _environment(job.workload),
        learning_starts=_BATCH,
        batch_size=_BATCH,
        buffer_size=_STORED,
        train_freq=updates,
        gradient_steps=updates,
        policy_kwargs={"net_arch": _HIDDEN},
        device="cpu",
        seed=0,
    )
    steps = {"act": _act, "replay": _replay}
    return steps.get(job.workload, _train)(model, job.count), None  # type: ignore[return-value]


def _environment(workload):
    if workload == "reach-v3":
        import metaworld  # noqa: F401

        return gymnasium.make("Meta-World/MT1", env_name="reach-v3")
    return gymnasium.make("HalfCheetah-v5")


class _Turns(callbacks.BaseCallback):
    """Holds a run, in a thread of its own, each time after some steps."""

    def __init__(self, model, count):
        super().__init__()
        self._count = count
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(
            target=lambda: model.learn(1_000_000, callback=self), daemon=True
        ).start()

    def _on_training_start(self):
        self._go.acquire()

    def _on_step(self):
        if self.num_timesteps % self._count == 0:
            self._done.release()
            self._go.acquire()
        return True

    def step(self):
        self._go.release()
        self._done.acquire()
        return 0.0


def _train(model, count):
    turns = _Turns(model, count)
    for _ in range(_BATCH // count):
        turns.step()  # The steps before the first update.
    return turns.step


def _act(model, count):
    observation = np.ones((1, 17), np.float32)

    def step():
        for _ in range(count):
            action, _ = model.predict(observation, deterministic=True)
        return float(action[0, 0])

    return step


def _replay(model, count):
    memory = model.replay_buffer
    observation, action = np.ones((1, 17)), np.ones((1, 6))
    for _ in range(_STORED):
        memory.add(
            observation, observation, action, np.ones(1), np.zeros(1), [{}]
        )

    def step():
        for _ in range(count):
            batch = memory.sample(_BATCH)
        return float(batch.rewards[0, 0])

    return step

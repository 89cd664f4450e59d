"""How agents for several tasks are trained and scored."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from experiments.multitask_rl import conflict_tables, evaluations, methods
from experiments.run import contract, rows
from tfmeta import optimizers, training

# What they are scored on: the goals that they learn, by the field's protocol.
SPLIT = "training goals"


class Trainer(contract.Trainer):
    """Trains agents, resumable at any moment, and scores them on the way."""

    def build(self, job: contract.Job) -> Any:
        """Returns the compiled agent of a job."""
        agent, _ = _compiled(job)
        return agent

    def run(self, job: contract.Job) -> contract.Outcome:
        """Trains and scores a method, or takes up where it stopped."""
        assert isinstance(job.method, methods.Method)
        keras.utils.set_random_seed(job.seed)
        agent, by_network = _compiled(job)
        scored = evaluations.Evaluations(
            job.problem.evaluation,
            goals=job.problem.values["eval_goals"],
            every=job.budget.steps_per_epoch,
            seed=job.seed,
            file=job.folder / "evaluations.json",
        )
        job.method.learner.fit(
            agent,
            job,
            [
                *_monitors(by_network),
                scored,
                keras.callbacks.TensorBoard(
                    str(job.folder / "tensorboard"), write_graph=False
                ),
            ],
        )
        agent.save_weights(job.folder / "weights.npz")
        return {
            "scores": {SPLIT: _scores(scored.episodes, job.problem.task_names)},
            "metrics": conflict_tables.means(scored.points),
            "curve": scored.points,
            "seconds": scored.points[-1]["seconds"],
        }

    def clean_up(self, job: contract.Job) -> None:
        """Removes the checkpoints, whose replays take gigabytes."""
        shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)


def _compiled(
    job: contract.Job,
) -> tuple[Any, Mapping[str, keras.optimizers.Optimizer]]:
    """Returns the compiled agent of a job and its networks' optimizers."""
    assert isinstance(job.method, methods.Method)
    agent = job.method.build(job.settings, job.problem, job.seed)
    return agent, job.method.learner.compile(agent, job)


def _monitors(
    by_network: Mapping[str, keras.optimizers.Optimizer],
) -> list[keras.callbacks.Callback]:
    """Returns what records conflicts, for each network that shows them."""
    return [
        training.ConflictMonitor(optimizer, prefix=f"{network}_")
        for network, optimizer in by_network.items()
        if isinstance(optimizer, optimizers.TaskGradientOptimizer)
    ]


def _scores(
    episodes: dict[str, np.ndarray], names: Sequence[str]
) -> dict[str, rows.Estimate]:
    """Returns estimates over goals, of each task and of the mean over tasks.

    An interval tells what other goals would give of this run's policy, not what
    another seed would.

    Args:
        episodes: `[tasks, goals]` by metric.
        names: the tasks' names.
    """
    scores = {}
    for metric, values in episodes.items():
        of_tasks = {
            f"{metric}/{name}": rows.sample(of_task)
            for name, of_task in zip(names, values, strict=True)
        }
        # Tasks are not drawn; the goals of each are.
        halves = [estimate["ci95"] or 0.0 for estimate in of_tasks.values()]
        half = np.linalg.norm(halves) / len(halves)
        scores[metric] = rows.estimate(values.mean(), float(half), values.size)
        scores |= of_tasks
    return scores

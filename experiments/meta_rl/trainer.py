"""How policies are trained to adapt, and scored."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from experiments.meta_rl import methods, problems
from experiments.run import contract, rows
from tfmeta.environments import episode_recorder
from tfmeta.rl import PolicyMAML, adapting

# Of the seeds of training, none of which is so large, and of one another.
_EVAL_SEED, _CLIP_SEED = 2**31, 2**31 + 1


class Trainer(contract.Trainer):
    """Trains agents, resumable at any moment, and scores them."""

    def build(self, job: contract.Job) -> PolicyMAML:
        """Returns the compiled agent of a job."""
        return job.method.build(job.settings, job.problem, job.seed)

    def run(self, job: contract.Job) -> contract.Outcome:
        """Trains and scores a method, or takes up where it stopped."""
        keras.utils.set_random_seed(job.seed)
        agent = self.build(job)
        reports = self._fit(agent, job)
        outcome: contract.Outcome = {
            "scores": {
                split: _score(agent, job, job.problem.tasks[split])
                for split in job.problem.tasks
                if split in job.budget.eval_splits or not job.budget.eval_splits
            },
            "curve": _curve(reports, job.budget.steps_per_epoch),
            "seconds": sum(report["seconds"] for report in reports),
        }
        if job.problem.draws:
            outcome["clips"] = _clips(agent, job)
        return outcome

    def _fit(
        self, agent: PolicyMAML, job: contract.Job
    ) -> list[dict[str, float]]:
        method = job.method
        assert isinstance(method, methods.Method)
        if not method.learns:
            return []
        return agent.fit(
            job.problem.train,
            iterations=job.budget.steps,
            episodes=job.problem.values["episodes"] * 2 // method.rounds,
            seed=job.seed,
            callbacks=[
                keras.callbacks.TensorBoard(
                    str(job.folder / "tensorboard"), write_graph=False
                )
            ],
            checkpoints=job.folder / "checkpoints",
            save_every=job.budget.steps_per_epoch,
        )

    def clean_up(self, job: contract.Job) -> None:
        """Keeps everything."""


def _score(
    agent: PolicyMAML, job: contract.Job, tasks: Sequence[problems.Task]
) -> dict[str, rows.Estimate]:
    """Scores an agent before and after a step of the policy gradient."""
    before, after = (
        [
            np.array([s.total_reward for s in played if s.task == number])
            for number in range(len(tasks))
        ]
        for played in agent.evaluate(
            [task.environment for task in tasks],
            [task.goal for task in tasks],
            episodes=job.problem.values["eval_episodes"],
            steps=1,
            seed=_EVAL_SEED + job.seed,
        )
    )
    scores = {
        "return": _over_tasks(after),
        "return_before_adaptation": _over_tasks(before),
        "gain": _over_tasks(
            [
                a.mean(keepdims=True) - b.mean()
                for a, b in zip(after, before, strict=True)
            ]
        ),
    }
    for number, task in enumerate(tasks):
        if task.name:
            scores |= {
                f"return/{task.name}": rows.sample(after[number]),
                f"return_before_adaptation/{task.name}": rows.sample(
                    before[number]
                ),
                f"gain/{task.name}": _difference(after[number], before[number]),
            }
    return scores


def _curve(
    reports: Sequence[dict[str, float]], per_epoch: int
) -> list[dict[str, float]]:
    """Returns the means of each epoch's reports, with the step of its end."""
    return [
        {
            "step": end,
            **{
                name: float(np.mean([r[name] for r in reports[start:end]]))
                for name in reports[0]
                if name != "seconds"
            },
        }
        for start in range(0, len(reports), per_epoch)
        for end in [min(start + per_epoch, len(reports))]
    ]


def _clips(agent: PolicyMAML, job: contract.Job) -> list[dict[str, Any]]:
    """Returns an episode after adapting to each task, as it can be replayed."""
    tasks = next(iter(job.problem.tasks.values()))
    trial = adapting.play_trial(
        agent,
        [task.environment for task in tasks],
        [task.goal for task in tasks],
        episodes=job.problem.values["eval_episodes"],
        seed=_EVAL_SEED + job.seed,
    )
    actor = agent.adapt(trial, len(tasks))
    recorders = [
        episode_recorder.EpisodeRecorder(task.environment) for task in tasks
    ]
    seen = np.stack(
        [
            recorder.reset(seed=_CLIP_SEED, goal=task.goal)[0]
            for recorder, task in zip(recorders, tasks, strict=True)
        ]
    )
    clips = [
        {"name": task.name, "goal": task.environment.goals[task.goal].tolist()}
        for task in tasks
    ]
    actions = []
    for _ in range(tasks[0].environment.horizon):
        # In float32, as the recorder has them.
        chosen = actor.act(seen).astype(np.float32)
        actions.append(chosen)
        seen = np.stack(
            [
                recorder.step(action)[0]
                for recorder, action in zip(recorders, chosen, strict=True)
            ]
        )
    by_task = np.stack(actions, 1).tolist()
    return [
        clip | {"seed": _CLIP_SEED, "actions": of_task}
        for clip, of_task in zip(clips, by_task, strict=True)
    ]


def _over_tasks(returns: Sequence[np.ndarray]) -> rows.Estimate:
    """Returns the mean over tasks; of two tasks there is no interval."""
    means = np.array([of_task.mean() for of_task in returns])
    return rows.sample(means) if len(means) > 2 else rows.point(means.mean())


def _difference(after: np.ndarray, before: np.ndarray) -> rows.Estimate:
    variance = sum(v.var(ddof=1) / len(v) for v in (after, before))
    return rows.estimate(
        after.mean() - before.mean(), 1.96 * math.sqrt(variance), len(after)
    )

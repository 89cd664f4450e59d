"""How policies are trained to adapt, and scored."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from experiments.meta_rl import methods, problems
from experiments.run import contract, rows
from tfmeta.environments import episode_recorder
from tfmeta.rl import adapting, replay

# Of the seeds of training, none of which is so large, and of one another.
_EVAL_SEED, _CLIP_SEED = 2**31, 2**31 + 1


class Trainer(contract.Trainer):
    """Trains agents, resumable at any moment, and scores them."""

    def build(self, job: contract.Job) -> Any:
        """Returns the compiled agent of a job."""
        return job.method.build(job.settings, job.problem, job.seed)

    def run(self, job: contract.Job) -> contract.Outcome:
        """Trains and scores a method, or takes up where it stopped."""
        keras.utils.set_random_seed(job.seed)
        agent = self.build(job)
        reports = self._fit(agent, job)
        outcome: contract.Outcome = {
            "scores": {},
            "adapting": {},
            "curve": _curve(reports, job.budget.steps_per_epoch),
            "seconds": sum(report["seconds"] for report in reports),
        }
        for split, tasks in job.problem.tasks.items():
            if split in job.budget.eval_splits or not job.budget.eval_splits:
                scores, curves = _score(agent, job, tasks)
                outcome["scores"][split] = scores
                outcome["adapting"][split] = curves
        if job.problem.draws:
            outcome["clips"] = _clips(agent, job)
        return outcome

    def _fit(self, agent: Any, job: contract.Job) -> methods.Reports:
        method = job.method
        assert isinstance(method, methods.Method)
        if method.fit is None:
            return []
        return method.fit(
            agent,
            job,
            {
                "iterations": job.budget.steps,
                "seed": job.seed,
                "callbacks": [
                    keras.callbacks.TensorBoard(
                        str(job.folder / "tensorboard"), write_graph=False
                    )
                ],
                "checkpoints": job.folder / "checkpoints",
                "save_every": job.budget.steps_per_epoch,
            },
        )

    def clean_up(self, job: contract.Job) -> None:
        """Keeps everything."""


def _after(values: contract.Values) -> list[int]:
    """Returns after how many episodes of a trial an agent is scored."""
    most, every = values["test_episodes"], values["score_every"]
    return sorted({*range(0, most, every), most})


def _score(
    agent: Any, job: contract.Job, tasks: Sequence[problems.Task]
) -> tuple[dict[str, rows.Estimate], list[dict[str, float]]]:
    """Scores an agent after 0, 1, 2, ... episodes of a trial in each task.

    Returns:
        The estimates, and for each number of episodes a dict of means.
    """
    after = _after(job.problem.values)
    returns, successes = _play(agent, job, tasks, after)
    scores = {
        "return": _over_tasks(returns[-1]),
        "return_before_adaptation": _over_tasks(returns[0]),
        "gain": _over_tasks(returns[-1] - returns[0]),
        "success": _over_tasks(successes[-1]),
        "success_before_adaptation": _over_tasks(successes[0]),
    }
    for number, episodes in enumerate(after):
        scores[f"return_after_{episodes}"] = _over_tasks(returns[number])
        scores[f"success_after_{episodes}"] = _over_tasks(successes[number])
    for name in dict.fromkeys(task.name for task in tasks if task.name):
        chosen = [task.name == name for task in tasks]
        first, last = returns[0, chosen], returns[-1, chosen]
        scores |= {
            f"return/{name}": _parts(last),
            f"return_before_adaptation/{name}": _parts(first),
            f"gain/{name}": _parts(last - first),
            f"success/{name}": _parts(successes[-1, chosen]),
        }
    curves = [
        {
            "episodes": episodes,
            "return": float(returns[number].mean()),
            "success": float(successes[number].mean()),
        }
        for number, episodes in enumerate(after)
    ]
    return scores, curves


def _play(
    agent: Any,
    job: contract.Job,
    tasks: Sequence[problems.Task],
    after: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns returns and successes, `[after, tasks, episodes]` each."""
    assert isinstance(job.method, methods.Method)
    episodes = job.problem.values["eval_episodes"]
    found = np.zeros((2, len(after), len(tasks), episodes))
    for number, places in enumerate(_rounds(tasks)):
        chosen = [tasks[place] for place in places]
        scores = adapting.score_adaptation(
            _adaptive(agent, job, chosen),
            [task.environment for task in chosen],
            [task.goal for task in chosen],
            after=after,
            episodes=episodes,
            draws=job.method.draws,
            seed=_EVAL_SEED + job.seed + number,
        )
        for place, of_task in enumerate(places):
            for when, by_task in enumerate(scores):
                for episode, score in enumerate(by_task[place]):
                    found[:, when, of_task, episode] = (
                        score.total_reward,
                        score.success,
                    )
    return found[0], found[1]


def _rounds(tasks: Sequence[problems.Task]) -> list[list[int]]:
    """Returns which tasks can be played side by side, by their numbers.

    Two that share an environment cannot.
    """
    rounds: list[list[int]] = []
    played: dict[int, int] = {}
    for number, task in enumerate(tasks):
        turn = played.get(id(task.environment), 0)
        played[id(task.environment)] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(number)
    return rounds


def _adaptive(
    agent: Any, job: contract.Job, tasks: Sequence[problems.Task]
) -> adapting.AdaptiveAgent:
    assert isinstance(job.method, methods.Method)
    return agent if job.method.knows is None else job.method.knows(tasks)


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


def _clips(agent: Any, job: contract.Job) -> list[dict[str, Any]]:
    """Returns an episode after adapting to each task, as it can be replayed."""
    scored = next(iter(job.problem.tasks.values()))
    # Of one name, the first trial.
    tasks = list({task.name: task for task in reversed(scored)}.values())[::-1]
    trial = adapting.play_trial(
        agent,
        [task.environment for task in tasks],
        [task.goal for task in tasks],
        episodes=job.problem.values["test_episodes"],
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
    assert isinstance(job.method, methods.Method)
    draws, noise = job.method.draws, np.random.default_rng([job.seed])
    actions = []
    for _ in range(tasks[0].environment.horizon):
        chosen = actor.draw(seen, noise) if draws else actor.act(seen)
        # As the recorder has them.
        chosen = chosen.astype(np.float32)
        actions.append(chosen)
        taken = [
            recorder.step(action)
            for recorder, action in zip(recorders, chosen, strict=True)
        ]
        after, rewards, terminated, ended, _ = zip(*taken, strict=True)
        actor.observe(
            replay.Transitions(
                seen,
                chosen,
                np.array(rewards),
                np.stack(after),
                np.array(terminated, float),
            ),
            np.array(ended, float),
        )
        seen = np.stack(after)
    by_task = np.stack(actions, 1).tolist()
    return [
        clip | {"seed": _CLIP_SEED, "actions": of_task}
        for clip, of_task in zip(clips, by_task, strict=True)
    ]


def _over_tasks(values: np.ndarray) -> rows.Estimate:
    """Returns the mean over tasks; of two tasks there is no interval.

    Args:
        values: `[tasks, episodes]`.
    """
    means = values.mean(-1)
    return rows.sample(means) if len(means) > 2 else rows.point(means.mean())


def _parts(values: np.ndarray) -> rows.Estimate:
    """Returns the mean over the goals of a task, or of one over episodes.

    Args:
        values: `[goals, episodes]`.
    """
    flat = values.mean(-1) if len(values) > 1 else values[0]
    return rows.sample(flat) if len(flat) > 1 else rows.point(flat.mean())

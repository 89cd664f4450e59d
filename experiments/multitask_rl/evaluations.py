"""Scores of an agent as it learns, which a kill does not harm."""

import json
import math
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmeta import rl, training
from tfmeta.environments import environment

# So many evaluations at the end are averaged: the best one would be chosen by
# what it is to show.
LAST = 5
# Of the seeds of training none is so large.
_SEED = 2**31
# What there is of one episode, by the names of metrics.
_METRICS = {
    "success": "success",
    "success_at_last_step": "success_at_last_step",
    "return": "total_reward",
}
# What an epoch's logs have that is not of interest.
_LEFT_OUT = ("steps", "steps_per_second")
# How the names end of what is finite as long as training is.
_LOSSES = ("_loss", "surrogate", "divergence")


class Evaluations(keras.callbacks.Callback):
    """Scores an agent every so many steps, and writes what came of it.

    Each time it plays the same episodes, one for each goal: whatever is random
    in them follows from the seed alone, and training draws nothing else for it.

    What is written is a list, by the steps in each environment. An agent that
    goes on from a checkpoint comes to some steps again: they take the place of
    what was there. So a run that was killed ends with the same list, but for
    its seconds.

    Attributes:
        points: for each evaluation one dict: its `"step"`; `"seconds"` of
            training till then, evaluations not counted; of each metric the mean
            over tasks and, as `"success/reach-v3"`, each task's; the means of
            the agent's logs since the last evaluation, where what is of
            episodes of training begins with `"training_"`.

    Args:
        environments: one for each task, which are not those of training.
        goals: how many of each task's goals, the first ones.
        every: steps in each environment from one evaluation to the next.
        seed: of the run.
        file: what to write.

    Raises:
        DivergenceError: from `fit`, if a loss is not finite.
    """

    def __init__(
        self,
        environments: Sequence[environment.Environment],
        *,
        goals: int,
        every: int,
        seed: int,
        file: pathlib.Path,
    ):
        super().__init__()
        self._environments = environments
        self._goals, self._every = goals, every
        self._seed, self._file = _SEED + seed, file
        self._started, self._since = 0.0, 0.0
        self._logs: list[Mapping[str, float]] = []
        # Each with its episodes, `[tasks, goals]` by metric, while it is among
        # the last.
        self._found: list[dict[str, Any]] = (
            json.loads(file.read_text()) if file.exists() else []
        )

    @property
    def points(self) -> list[dict[str, float]]:
        """What each evaluation gave, see `Evaluations`."""
        return [found["point"] for found in self._found]

    @property
    def episodes(self) -> dict[str, np.ndarray]:
        """Of each metric the mean of the last evaluations, `[tasks, goals]`.

        Of fewer than `LAST` it is the mean of all.
        """
        last = [found["episodes"] for found in self._found[-LAST:]]
        return {
            metric: np.mean([episodes[metric] for episodes in last], 0)
            for metric in _METRICS
        }

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        del epoch, logs
        self._started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Scores the agent, if it is time; its scores are in the logs, too."""
        del epoch
        assert logs is not None  # Agents always give them.
        self._since += time.monotonic() - self._started
        self._logs.append(dict(logs))
        _check_losses(logs)
        step = int(logs["steps"])
        if step % self._every:
            return
        scores = rl.evaluate(
            self._environments,
            self.model.snapshot(),
            goals=self._goals,
            seed=self._seed,
        )
        episodes = {
            metric: getattr(scores, field) for metric, field in _METRICS.items()
        }
        names = [each.name for each in self._environments]
        measured = {
            metric: float(values.mean()) for metric, values in episodes.items()
        } | {
            f"{metric}/{name}": float(of_task.mean())
            for metric, values in episodes.items()
            for name, of_task in zip(names, values, strict=True)
        }
        logs |= {f"val_{metric}": measured[metric] for metric in _METRICS}
        before = [f for f in self._found if f["point"]["step"] < step]
        seconds = before[-1]["point"]["seconds"] if before else 0.0
        point = {
            "step": step,
            "seconds": seconds + self._since,
            **measured,
            **self._means(),
        }
        for older in before[: -LAST + 1]:
            older.pop("episodes", None)
        self._found = [
            *before,
            {
                "point": point,
                "episodes": {m: v.tolist() for m, v in episodes.items()},
            },
        ]
        self._write()
        self._since, self._logs = 0.0, []

    def _means(self) -> dict[str, float]:
        """Returns the means of the logs since the last evaluation."""
        values: dict[str, list[float]] = {}
        for logs in self._logs:
            for name, value in logs.items():
                if name not in _LEFT_OUT:
                    values.setdefault(name, []).append(float(value))
        return {
            f"training_{name}"
            if name.endswith(("return", "success"))
            else name: float(np.mean(of_name))
            for name, of_name in values.items()
        }

    def _write(self) -> None:
        """Writes the file, whole or not at all."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_name(f".{self._file.name}.writing")
        temporary.write_text(json.dumps(self._found))
        temporary.replace(self._file)


def _check_losses(logs: Mapping[str, float]) -> None:
    for name, value in logs.items():
        if name.endswith(_LOSSES) and not math.isfinite(value):
            raise training.DivergenceError(
                f"{name} is {value} at step {logs['steps']:.0f}: training "
                "diverged; lower the rate"
            )

"""What a run tells while it goes: logs for Keras' callbacks, and a line."""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import keras
import numpy as np

from tfmeta.environments import environment
from tfmeta.rl import collecting


class Progress:
    """Calls Keras' callbacks as an agent learns.

    An epoch is some steps in each environment, as many as the agent says. What
    ends in an epoch is in its logs, which `on_epoch_end(epoch, logs)` gets:

    - `"steps"`: in each environment so far;
    - `"return"`: the mean total reward of episodes, `"success"`: the share of
      them that succeeded. Tasks count alike, however many episodes they had;
      where none ended, both are missing;
    - with several tasks also the same of each, such as `"reach-v3_return"`;
    - the means of what else the agent reports, such as its losses;
    - `"steps_per_second"`: in each environment, callbacks not counted.

    An update, or what an agent makes of them in one call, is a batch to them.
    The agent is the callbacks' `model`. One that sets `model.stop_training`, as
    `keras.callbacks.EarlyStopping` does, ends the run after the epoch.

    Args:
        agent: what learns.
        environments: one for each task.
        steps: in each environment, when the run will be over.
        callbacks: Keras callbacks.
        verbose: 1 to print a line of progress, 0 for none.
    """

    def __init__(
        self,
        agent: Any,
        environments: Sequence[environment.Environment],
        *,
        steps: int,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
    ):
        self._agent = agent
        self._names = [each.name for each in environments]
        self._callbacks = keras.callbacks.CallbackList(
            [*callbacks, *([ProgressLine(steps)] if verbose else [])],
            model=agent,
            verbose=verbose,
        )
        self._scores: list[collecting.EpisodeScore] = []
        self._reports: list[Mapping[str, Any]] = []
        self._started = 0.0
        self._steps = 0

    def begin(self, steps: int) -> None:
        """Begins a run.

        Args:
            steps: how many were made already, by an earlier process.
        """
        self._agent.stop_training = False
        self._steps = steps
        self._callbacks.on_train_begin()

    def begin_epoch(self, epoch: int) -> None:
        """Begins an epoch.

        Args:
            epoch: its number, from 0 on.
        """
        self._callbacks.on_epoch_begin(epoch)
        self._scores, self._reports = [], []
        self._started = time.monotonic()

    def add(
        self,
        scores: Iterable[collecting.EpisodeScore] = (),
        report: Mapping[str, Any] | None = None,
    ) -> None:
        """Takes note of what came in an epoch.

        Args:
            scores: episodes that ended.
            report: numbers by name, or arrays `[tasks]`, of an update.
        """
        self._scores += scores
        if report is not None:
            number = len(self._reports)
            self._callbacks.on_train_batch_begin(number)
            self._reports.append(report)
            self._callbacks.on_train_batch_end(number)

    def end_epoch(self, epoch: int, steps: int) -> dict[str, float]:
        """Ends an epoch, and returns its logs.

        Args:
            epoch: its number.
            steps: made so far in each environment.
        """
        seconds = time.monotonic() - self._started
        logs = {
            "steps": steps,
            **self._returns(),
            **_means(self._reports),
            "steps_per_second": (steps - self._steps) / seconds,
        }
        self._steps = steps
        self._callbacks.on_epoch_end(epoch, logs)
        return logs

    def end(self) -> None:
        """Ends a run."""
        self._callbacks.on_train_end()

    def _returns(self) -> dict[str, float]:
        means = []
        for task in range(len(self._names)):
            of_task = [score for score in self._scores if score.task == task]
            if of_task:
                total_rewards = [score.total_reward for score in of_task]
                successes = [score.success for score in of_task]
                pair = float(np.mean(total_rewards)), float(np.mean(successes))
                means.append((self._names[task], pair))
        if not means:
            return {}
        logs = _average("", [pair for _, pair in means])
        if len(self._names) > 1:
            # Tasks of one name, which differ by their goals, are one.
            for name in dict.fromkeys(self._names):
                pairs = [pair for its_name, pair in means if its_name == name]
                if pairs:
                    logs |= _average(f"{name}_", pairs)
        return logs


class ProgressLine(keras.callbacks.Callback):
    """Prints how far a run is: steps, return, success, speed, time left.

    On a terminal it is one line that changes; elsewhere, as in a log, there is
    a line for each epoch.

    Args:
        steps: when the run will be over.
        file: where to; by default the standard output.
    """

    def __init__(self, steps: int, file: TextIO | None = None):
        super().__init__()
        self._steps = steps
        self._file = file
        self._width = 0

    def on_epoch_end(self, epoch, logs=None):
        """Prints the line."""
        del epoch
        line = progress_line(logs or {}, self._steps)
        file = self._file or sys.stdout
        if file.isatty():
            print(f"\r{line:{self._width}}", end="", file=file, flush=True)
            self._width = len(line)
        else:
            print(line, file=file, flush=True)

    def on_train_end(self, logs=None):
        """Leaves the line."""
        del logs
        if self._width:
            print(file=self._file or sys.stdout, flush=True)
            self._width = 0


def progress_line(logs: Mapping[str, float], steps: int) -> str:
    """Returns one line on an epoch.

    Args:
        logs: see `Progress`.
        steps: when the run will be over.
    """
    parts = [f"step {logs['steps']:.0f}/{steps}"]
    if "return" in logs:
        parts.append(f"return {logs['return']:.1f}")
        parts.append(f"success {logs['success']:.2f}")
    rate = logs["steps_per_second"]
    parts.append(f"{rate:.0f} steps/s")
    parts.append(f"{_duration((steps - logs['steps']) / rate)} left")
    return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def _average(
    prefix: str, pairs: Sequence[tuple[float, float]]
) -> dict[str, float]:
    total_rewards, successes = zip(*pairs, strict=True)
    return {
        f"{prefix}return": float(np.mean(total_rewards)),
        f"{prefix}success": float(np.mean(successes)),
    }


def _means(reports: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    names = reports[0] if reports else ()
    return {
        name: float(np.mean([report[name] for report in reports]))
        for name in names
    }

"""Training and evaluation of one method on non-exclusive tasks."""

import dataclasses
from typing import Any

import tensorflow as tf

from experiments import (
    learner_training,
    nme_methods,
    pac_bayes,
    run_folder,
)
from tfmeta import tasks

# Streams of tasks that must not share their episodes.
_TRAIN_STREAM, _VALIDATION_STREAM, _EVAL_STREAM = range(3)


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is to be learned: where the tasks come from, what a task is."""

    splits: tasks.Splits
    construction: str
    ways: int
    shots: int
    queries: int
    seed: int

    def train_episodes(self, *, start: int) -> tf.data.Dataset:
        """Returns the tasks to train on, from number `start` on."""
        return self._episodes("meta-train", _TRAIN_STREAM, start)

    def validation_episodes(self) -> tf.data.Dataset:
        """Returns the tasks of the learning curve."""
        return self._episodes("meta-validation", _VALIDATION_STREAM, 0)

    def eval_episodes(self, split: str) -> tf.data.Dataset:
        """Returns the tasks to score on, of a split."""
        return self._episodes(split, _EVAL_STREAM, 0)

    def _episodes(self, split, stream, start):
        classes, construction = {
            "meta-train": (self.splits.meta_train, self.construction),
            "meta-validation": (
                self.splits.meta_validation,
                "mutually_exclusive",
            ),
            "meta-test": (self.splits.meta_test, "mutually_exclusive"),
        }[split]
        return tasks.sample_episodes(
            classes,
            ways=self.ways,
            shots=self.shots,
            queries=self.queries,
            construction=construction,
            seed=3 * self.seed + stream,
            assignment_seed=self.seed,
            start=start,
        )


def run_method(
    name: str,
    method: nme_methods.Method,
    settings: nme_methods.Settings,
    problem: Problem,
    budget: learner_training.Budget,
    folder: run_folder.RunFolder,
) -> dict[str, Any]:
    """Trains, evaluates and exports one method, or takes up where it stopped.

    Args:
        name: the method's name, and that of its folder within the run's.
        method: what to train.
        settings: its hyperparameters.
        problem: what to train it on.
        budget: how long.
        folder: the run's folder.

    Returns:
        `"splits"`: for each split its scores, `"curve"`: one dict an epoch,
        `"seconds"` of training, `"conflicts"`, see
        `learner_training.run_learner`, `"pac_bayes"`, see `pac_bayes.examine`;
        as written to `<name>/outcome.json`.

    Raises:
        DivergenceError: if the loss becomes NaN.
    """

    def build():
        learner = method.build(
            settings,
            problem.ways,
            problem.splits.meta_train.image_shape,
            problem.seed,
        )
        nme_methods.compile_learner(
            learner,
            settings,
            steps=budget.steps,
            aggregator=method.aggregator,
            seed=problem.seed,
        )
        return learner

    return learner_training.run_learner(
        name,
        build,
        problem,
        budget,
        folder,
        metric=learner_training.ACCURACY,
        examine=lambda learner: pac_bayes.examine(
            learner, problem, budget, pac_bayes.share_wrong
        ),
    )

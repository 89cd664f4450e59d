r"""Does a meta-learner memorize sinusoids? MAML, neural processes, and kin.

Trains each method to regress sinusoids whose inputs name the task (an id, and
to each id its amplitude), so that one function solves all of them, then asks
how it does where the id tells nothing (Yin et al. 2020, section 6.1).

    ./bazelw run //experiments:sinusoid
    ./bazelw run //experiments:sinusoid -- --shots=10 --methods=maml,mr_maml_w

A run that was stopped goes on when the same command is given again.
"""

import dataclasses

import tensorflow as tf
from absl import flags

from experiments import (
    learner_flags,
    regression,
    sinusoid_methods,
    sinusoid_pictures,
)
from experiments.run import cli
from tfmeta import tasks
from tfmeta.tasks import sinusoid as sinusoid_tasks

flags.FLAGS.set_default("methods", list(sinusoid_methods.METHODS))
flags.FLAGS.set_default("steps", 4000)
flags.adopt_module_key_flags(regression)

_EVAL_QUERIES = 100
# But for the labels' noise.
_MAX_LABEL = float(sinusoid_tasks.AMPLITUDES[-1])
# Streams of tasks that must not share their episodes.
_STREAMS = ("train", "curve", "meta-train", "meta-validation", "meta-test")
# Yin et al. 2020, table 1.
_PUBLISHED = {
    (method, shots): regression.Published(*figure)
    for method, figures in {
        "maml": ((0.46, 0.04), (0.13, 0.01)),
        "mr_maml_a": ((0.17, 0.03), (0.07, 0.02)),
        "mr_maml_w": ((0.16, 0.04), (0.06, 0.01)),
        "cnp": ((0.91, 0.10), (0.92, 0.05)),
        "mr_cnp_a": ((0.10, 0.01), (0.09, 0.01)),
        "mr_cnp_w": ((0.11, 0.02), (0.09, 0.01)),
    }.items()
    for shots, figure in zip((5, 10), figures, strict=True)
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """The tasks, see `learner_training.Problem`.

    Attributes:
        shots: support points of a task.
        queries: query points of a task in training.
        seed: fixes all streams of tasks.
    """

    shots: int
    queries: int
    seed: int

    def train_episodes(self, *, start: int) -> tf.data.Dataset:
        """Returns the tasks to train on, from number `start` on."""
        return self._episodes("train", queries=self.queries, start=start)

    def validation_episodes(self) -> tf.data.Dataset:
        """Returns the tasks of the learning curve."""
        return self._episodes("curve", informative_ids=False)

    def eval_episodes(self, split: str) -> tf.data.Dataset:
        """Returns the tasks to score on, of a split."""
        return self._episodes(split, informative_ids=split == "meta-train")

    def _episodes(
        self,
        stream: str,
        *,
        queries: int = _EVAL_QUERIES,
        informative_ids: bool = True,
        start: int = 0,
    ) -> tf.data.Dataset:
        return tasks.sample_sinusoids(
            shots=self.shots,
            queries=queries,
            informative_ids=informative_ids,
            seed=len(_STREAMS) * self.seed + _STREAMS.index(stream),
            start=start,
        )


def main() -> None:
    """Trains and evaluates the methods, and writes what came of it."""
    problem = Problem(
        shots=regression.SHOTS.value,
        queries=regression.QUERIES.value,
        seed=learner_flags.SEED.value,
    )
    examples = sinusoid_pictures.draw_examples(
        shots=problem.shots, seed=problem.seed
    )
    run = regression.run(
        regression.Experiment(
            "sinusoid",
            sinusoid_methods.METHODS,
            _PUBLISHED,
            label_range=(-_MAX_LABEL, _MAX_LABEL),
        ),
        problem,
        examine=lambda learner: {
            "examples": [
                sinusoid_pictures.predict(learner, example)
                for example in examples
            ]
        },
    )
    sinusoid_pictures.draw(
        examples,
        {
            sinusoid_methods.METHODS[name].title: outcome["examples"]
            for name, outcome in run.outcomes.items()
        },
        run.folder.path / "adapted.png",
    )


if __name__ == "__main__":
    cli.run(main)

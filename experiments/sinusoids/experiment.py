"""The description of the experiment on sinusoids."""

import tensorflow as tf

from experiments.regression import description
from experiments.run import contract, learners
from experiments.sinusoids import methods, pictures
from tfmeta import tasks
from tfmeta.tasks import sinusoid

_EVAL_QUERIES = 100
# But for the labels' noise.
_MAX_LABEL = float(sinusoid.AMPLITUDES[-1])
_STREAMS = tasks.Streams(
    "train", "curve", "meta-train", "meta-validation", "meta-test"
)
# Yin et al. 2020, table 1.
_PUBLISHED = tuple(
    contract.Published(method, {"shots": shots}, *figure)
    for method, figures in {
        "maml": ((0.46, 0.04), (0.13, 0.01)),
        "mr_maml_a": ((0.17, 0.03), (0.07, 0.02)),
        "mr_maml_w": ((0.16, 0.04), (0.06, 0.01)),
        "cnp": ((0.91, 0.10), (0.92, 0.05)),
        "mr_cnp_a": ((0.10, 0.01), (0.09, 0.01)),
        "mr_cnp_w": ((0.11, 0.02), (0.09, 0.01)),
    }.items()
    for shots, figure in zip((5, 10), figures, strict=True)
)


class Sinusoids(learners.Tasks):
    """Tasks whose ids tell the amplitude in meta-training alone."""

    def episodes(self, split: str, use: str, start: int) -> tf.data.Dataset:
        """Returns an endless stream of tasks."""
        stream = split if use == "eval" else use
        return tasks.sample_sinusoids(
            shots=self.values["shots"],
            queries=self.values["queries"] if use == "train" else _EVAL_QUERIES,
            informative_ids=split == "meta-train",
            seed=_STREAMS.seed(self.values["seed"], stream),
            start=start,
        )


EXPERIMENT = description.describe(
    name="sinusoid",
    title="Sinusoids whose inputs name the task",
    lead=(
        "In training an id in the input tells the amplitude; in new tasks it "
        "tells nothing. A learner that relies on it errs little on training "
        "tasks before it has adapted or with another task’s support, and much "
        "on new tasks. Less error is better; noise alone makes 0.01. The "
        "controls are the networks of MR-MAML(W) and MR-CNP(W) without noise "
        "and divergence; they and weight decay on them are rows that the paper "
        "lacks."
    ),
    methods=methods.METHODS,
    chosen=tuple(methods.METHODS),
    defaults={"steps": 4000, "steps_per_epoch": 500},
    load=Sinusoids,
    label_range=(-_MAX_LABEL, _MAX_LABEL),
    published=_PUBLISHED,
    examine=pictures.examine,
    pictures=(pictures.ADAPTED,),
)

"""How much tasks conflicted in a training, where the optimizer can tell."""

import statistics
from collections.abc import Mapping, Sequence

import keras

from tfmeta import training

MEASURES = ("conflicting_pairs", "gradient_cosine", "magnitude_similarity")


def monitors(model: keras.Model) -> list[training.ConflictMonitor]:
    """Returns a monitor for a compiled model, or none if there is no Gramian.

    Args:
        model: the model, whose optimizer may be one of `tfmeta.optimizers`.
    """
    if not hasattr(model.optimizer, "last_gramian"):
        return []
    return [training.ConflictMonitor()]


def means(curve: Sequence[Mapping[str, float]]) -> dict[str, float] | None:
    """Returns each of `MEASURES` as its mean over training, if it was measured.

    Args:
        curve: one mapping an epoch, with what a monitor put into its logs.
    """
    if MEASURES[0] not in curve[0]:
        return None
    return {
        measure: statistics.mean(point[measure] for point in curve)
        for measure in MEASURES
    }

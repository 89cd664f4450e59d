"""What learners predict of tasks that a picture shows."""

from collections.abc import Sequence

import numpy as np

from tfmeta import learners, tasks

# How lines of a picture look, by what they show.
TRUTH = {"color": "#c0c0c0", "linewidth": 4, "label": "truth"}
INITIAL = {"color": "#e8a33d", "linestyle": "--", "label": "before adaptation"}
ADAPTED = {"color": "#1f5f99", "linewidth": 2, "label": "adapted"}


def predict(
    learner: learners.Learner, episodes: Sequence[tasks.Episode]
) -> list[dict[str, list[float]]]:
    """Predicts the queries of tasks, at least two.

    Args:
        learner: a trained learner.
        episodes: the tasks.

    Returns:
        For each task the predicted labels, `"adapted"` to its support set and
        before that, `"initial"`.
    """
    predictions = learner.predict_queries(
        [np.stack(parts) for parts in zip(*episodes, strict=True)]
    )
    return [
        {
            kind: labels[task, :, 0].numpy().tolist()
            for kind, labels in (
                ("initial", predictions.initial),
                ("adapted", predictions.adapted),
            )
        }
        for task in range(len(episodes))
    ]

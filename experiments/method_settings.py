"""What the settings of all methods have in common."""

from collections.abc import Collection, Mapping
from typing import Any

import keras

from tfmeta import learners

OUTER_SCHEDULES = ("cosine", "constant")


def override(
    defaults: Mapping[str, Any],
    said: Mapping[str, Any],
    *,
    optional: Collection[str],
) -> dict[str, Any]:
    """Puts what the user said over the defaults of a method.

    Args:
        defaults: the method's.
        said: by the names of the settings; None says nothing.
        optional: settings that only some methods have, those among their
            defaults: what is said of these leaves the others as they are.
    """
    return dict(defaults) | {
        name: value
        for name, value in said.items()
        if value is not None and (name in defaults or name not in optional)
    }


def outer_optimizer(
    learner: learners.Learner,
    *,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
    steps: int,
) -> keras.optimizers.Adam:
    """Makes the optimizer of the outer loop.

    Weight decay acts on the weights that the inner loop leaves alone, or on
    all of them where it leaves none.

    Args:
        learner: whose weights it is for.
        learning_rate: of Adam, at the start.
        schedule: one of `OUTER_SCHEDULES`: whether that rate falls to zero as
            half a cosine over the run, or stays.
        weight_decay: decoupled weight decay, as AdamW's: a step takes this
            times the learning rate of a weight.
        steps: outer steps of the whole run.
    """
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps=steps)
        if schedule == "cosine"
        else learning_rate,
        weight_decay=weight_decay or None,
    )
    adapted = learner.adapted_weights()
    if len(adapted) < len(learner.network.trainable_variables):
        optimizer.exclude_from_weight_decay(adapted)
    return optimizer

"""The oracle of meta-gradients: finite differences along a direction."""

import numpy as np
import tensorflow as tf


def check_task_gradients(learner, episodes, *, step=1e-5, rtol=1e-6):
    """Holds each task's gradient against the change of its loss.

    Args:
        learner: a compiled learner in float64.
        episodes: a meta-batch.
        step: length of the step along the direction; where the loss has kinks,
            shorter than to the next.
        rtol: how far slopes may be apart; a shorter step tells them less well.

    Raises:
        AssertionError: if a slope differs.
    """
    seed_state = learner._seed_generator.state

    @tf.function
    def same_draw():
        seed_state.assign([7, 7])
        result = learner.task_gradients(episodes)
        return result.losses, result.gradients

    rng = np.random.default_rng(2)
    variables = learner.trainable_variables
    direction = [rng.normal(size=v.shape) for v in variables]
    start = [v.numpy() for v in variables]

    def losses_at(distance):
        for variable, value, along in zip(
            variables, start, direction, strict=True
        ):
            variable.assign(value + distance * along)
        return same_draw()[0].numpy()

    expected = (losses_at(step) - losses_at(-step)) / (2 * step)
    losses_at(0)
    slopes = sum(
        np.sum(g.numpy() * along, axis=tuple(range(1, g.ndim)))
        for g, along in zip(same_draw()[1], direction, strict=True)
    )
    np.testing.assert_allclose(slopes, expected, rtol=rtol, atol=rtol / 100)

"""What holds for the methods of all experiments on regression."""

import numpy as np

# Of methods that differ from another by numbers alone, not by their networks.
_VARIANTS = ("_weight_decay", "_no_noise", "_no_kl")


def with_own_networks(methods):
    """Returns the names of methods that are more than settings of another."""
    return [name for name in methods if not name.endswith(_VARIANTS)]


def assert_trains(test, learner, episodes, *, regularized):
    """Asserts that every weight takes part, and whether there is a divergence.

    Args:
        test: a test case.
        learner: a compiled learner.
        episodes: meta-batches.
        regularized: whether its loss has a divergence.
    """
    before = [variable.numpy() for variable in learner.trainable_variables]
    history = learner.fit(episodes, steps_per_epoch=3, verbose=0).history
    test.assertTrue(np.isfinite(history["loss"]).all())
    for variable, old in zip(learner.trainable_variables, before, strict=True):
        test.assertTrue((variable.numpy() != old).any(), variable.path)
    test.assertEqual(history["regularization"][-1] > 0, regularized)

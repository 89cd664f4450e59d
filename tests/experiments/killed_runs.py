"""Runs that are killed as soon as they have saved something."""

import contextlib
import json
import pathlib
from collections.abc import Callable, Iterator
from unittest import mock

import keras
import numpy as np
from absl.testing import absltest

from tfmeta.training import checkpoints


class _KilledError(Exception):
    pass


def assert_ends_as_if_it_had_not_been(
    test: absltest.TestCase,
    method: str,
    run: Callable[[pathlib.Path], object],
) -> None:
    """Asserts that a killed run resumes to the outcome and weights of a whole.

    Args:
        test: the test case.
        method: what is trained.
        run: trains it in the given folder.
    """
    folder = pathlib.Path(test.create_tempdir().full_path)
    whole, killed = folder / "whole", folder / "killed"
    run(whole)
    with _killed_at_the_first_checkpoint(), test.assertRaises(_KilledError):
        run(killed)
    test.assertFalse((killed / method / "outcome.json").exists())
    run(killed)
    test.assertEqual(_outcome(killed / method), _outcome(whole / method))
    for ours, theirs in zip(
        _variables(killed / method), _variables(whole / method), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


@contextlib.contextmanager
def _killed_at_the_first_checkpoint() -> Iterator[None]:
    save = checkpoints.Checkpoints.save

    def save_and_die(self, *args):
        save(self, *args)
        raise _KilledError

    with mock.patch.object(checkpoints.Checkpoints, "save", save_and_die):
        yield


def _outcome(folder):
    outcome = json.loads((folder / "outcome.json").read_text())
    del outcome["seconds"]
    return outcome


def _variables(folder):
    """Returns what is saved, the optimizer's state with it."""
    (path,) = folder.glob("*.keras")
    model = keras.models.load_model(path)
    return [*model.weights, *model.optimizer.variables]

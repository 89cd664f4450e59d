"""A run that was stopped ends as one that was not, bit for bit."""

import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests.rl import resumed_runs
from tfmeta import errors
from tfmeta.rl import replay


class _StoppedError(Exception):
    pass


def _robots_that_stop(after):
    robots = resumed_runs.robots()
    step, steps = robots[1].step, 0

    def stop(action):
        nonlocal steps
        steps += 1
        if steps > after:
            raise _StoppedError
        return step(action)

    robots[1].step = stop
    return robots


def _rows(folder):
    made = replay.Replay(2, 60, 2, 2)
    (last,) = folder.glob("step-*")
    made.restore(last / "replay")
    return made._rows


class ResumeTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def test_stopped_again_and_again_it_ends_as_if_it_had_not_been(self):
        whole = resumed_runs.agent()
        scores = resumed_runs.fit(
            whole, resumed_runs.robots(), self.folder / "whole"
        )
        stopped = self.folder / "stopped"
        # Before there is a checkpoint, before the first update in an epoch and
        # amid one; what was replayed counts, too.
        for after in (7, 26, 40):
            with self.assertRaises(_StoppedError):
                resumed_runs.fit(
                    resumed_runs.agent(), _robots_that_stop(after), stopped
                )
        with (
            mock.patch.object(replay.Replay, "save", side_effect=_StoppedError),
            self.assertRaises(_StoppedError),
        ):
            resumed_runs.fit(
                resumed_runs.agent(), resumed_runs.robots(), stopped
            )
        last = resumed_runs.agent()
        self.assertEqual(
            resumed_runs.fit(last, resumed_runs.robots(), stopped), scores
        )
        for ours, theirs in zip(
            resumed_runs.values(last), resumed_runs.values(whole), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(
            _rows(stopped), _rows(self.folder / "whole")
        )
        with self.subTest("a run that ended"):
            again = resumed_runs.agent()
            self.assertEqual(
                resumed_runs.fit(again, resumed_runs.robots(), stopped), scores
            )
            np.testing.assert_array_equal(
                again.updates.numpy(), last.updates.numpy()
            )

    @parameterized.parameters(
        ({}, {"batch_size": 9}, "with batch_size=8, not 9: give another"),
        ({}, {"seed": 1}, "with seed=0, not 1"),
        ({"discount": 0.5}, {}, "with discount=0.99, not 0.5"),
        ({"seed": 1}, {}, "with agent_seed=0, not 1"),
        ({"hidden": (16, 8)}, {}, "with layers=.*: give another folder"),
        ({}, {"steps": 9}, "holds 10 steps, expected at most steps=9"),
    )
    def test_another_run(self, of_agent, of_fit, message):
        resumed_runs.fit(
            resumed_runs.agent(),
            resumed_runs.robots(),
            self.folder,
            steps=10,
            warm_up=11,
        )
        with self.assertRaisesRegex(errors.InputError, message):
            resumed_runs.fit(
                resumed_runs.agent(**of_agent),
                resumed_runs.robots(),
                self.folder,
                **{"steps": 10, "warm_up": 11} | of_fit,
            )

    def test_other_environments(self):
        run = {"steps": 10, "warm_up": 11}
        resumed_runs.fit(
            resumed_runs.agent(), resumed_runs.robots(), self.folder, **run
        )
        with self.assertRaisesRegex(
            errors.InputError, r"environments=\['robot0', 'robot1'\], not \['"
        ):
            resumed_runs.fit(
                resumed_runs.agent(),
                resumed_runs.robots()[::-1],
                self.folder,
                **run,
            )


if __name__ == "__main__":
    absltest.main()

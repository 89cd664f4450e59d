"""A run of SAC under 20 SIGKILLs ends as one that was let alone; minutes."""

import pathlib
import subprocess
import sys
import time

import numpy as np
from absl.testing import absltest

_KILLS = 20


class KillTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def start(self, name):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.rl.killed_worker",
                self.folder / name,
                self.folder / f"{name}.npz",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.kill)
        return process

    def kill(self, process, generator):
        if generator.random() < 0.3:
            # Also as it starts, restores and traces.
            time.sleep(generator.uniform(0, 12))
        else:
            process.stdout.readline()  # An epoch ended.
            time.sleep(generator.uniform(0, 0.5))
        self.assertIsNone(process.poll(), "it ended before it was killed")
        process.kill()
        process.wait()

    def test_it_ends_as_if_nothing_had_been(self):
        self.assertEqual(self.start("whole").wait(), 0)
        generator = np.random.default_rng(0)
        steps = []
        for _ in range(_KILLS):
            self.kill(self.start("killed"), generator)
            steps += [path.name for path in (self.folder / "killed").glob("s*")]
        print("killed after", *steps)
        self.assertEqual(self.start("killed").wait(), 0)
        with (
            np.load(self.folder / "whole.npz") as whole,
            np.load(self.folder / "killed.npz") as killed,
        ):
            self.assertEqual(set(whole), set(killed))
            for name in whole:
                np.testing.assert_array_equal(killed[name], whole[name])


if __name__ == "__main__":
    absltest.main()

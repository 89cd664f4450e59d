"""A run under 20 SIGKILLs ends as one that was let alone; minutes."""

import pathlib
import subprocess
import sys
import time

import numpy as np
from absl.testing import absltest, parameterized

_KILLS = 20


class KillTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def start(self, kind, name):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.rl.killed_worker",
                kind,
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

    @parameterized.parameters("sac", "maml")
    def test_it_ends_as_if_nothing_had_been(self, kind):
        self.assertEqual(self.start(kind, "whole").wait(), 0)
        generator = np.random.default_rng(0)
        steps = []
        for _ in range(_KILLS):
            self.kill(self.start(kind, "killed"), generator)
            steps += [path.name for path in (self.folder / "killed").glob("s*")]
        print("killed after", *steps)
        self.assertEqual(self.start(kind, "killed").wait(), 0)
        with (
            np.load(self.folder / "whole.npz") as whole,
            np.load(self.folder / "killed.npz") as killed,
        ):
            self.assertEqual(set(whole), set(killed))
            for name in whole:
                np.testing.assert_array_equal(killed[name], whole[name])


if __name__ == "__main__":
    absltest.main()

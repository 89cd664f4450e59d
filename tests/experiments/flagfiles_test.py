"""Every flag file is one that its command takes."""

import os
import pathlib
import subprocess
import sys

from absl.testing import absltest, parameterized

import experiments

_FOLDER = pathlib.Path(experiments.__file__).parent / "flagfiles"
_COMMANDS = {
    "cifar100": "multitask_cifar100",
    "omniglot": "nme_classification",
    "pose": "pose_prediction",
    "sinusoid": "sinusoid",
}


class FlagfilesTest(parameterized.TestCase):
    def test_each_has_a_command(self):
        datasets = {path.stem.split("_")[0] for path in _FOLDER.iterdir()}
        self.assertEqual(datasets, set(_COMMANDS))

    @parameterized.named_parameters(
        (dataset, dataset, command) for dataset, command in _COMMANDS.items()
    )
    def test_the_command_knows_its_flags(self, dataset, command):
        # One process reads them all, and stops where it would begin to work.
        process = subprocess.run(
            [
                sys.executable,
                *("-m", f"experiments.{command}"),
                *(f"--flagfile={path}" for path in _FOLDER.glob(f"{dataset}*")),
                "--methods=none_of_these",
            ],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertIn("'none_of_these' is unknown", process.stderr)


if __name__ == "__main__":
    absltest.main()

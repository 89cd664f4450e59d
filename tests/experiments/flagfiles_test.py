"""Every flag file is one that its command takes."""

import pathlib

from absl import flags as absl_flags
from absl.testing import absltest, parameterized

import experiments
from experiments import catalog
from experiments.run import contract, flags, main_loop

_FOLDER = pathlib.Path(experiments.__file__).parent / "flagfiles"
_COMMANDS = {
    "cifar100": "multitask_cifar100",
    "metaworld": "metaworld_multitask",
    "ml": "metaworld_meta",
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
        settings = main_loop.settings_of(catalog.EXPERIMENTS[command])
        for path in _FOLDER.glob(f"{dataset}*"):
            with self.subTest(path.stem):
                values = flags.parse(settings, [f"--flagfile={path}"])
                contract.Budget.of(values)
                for line in path.read_text().splitlines():
                    name, is_list, given = line.partition("=")
                    if name == "--methods" and is_list:
                        self.assertEqual(",".join(values["methods"]), given)

    def test_a_flag_that_is_none_of_its_is_refused(self):
        path = self.create_tempfile(content="--ways=5\n").full_path
        settings = main_loop.settings_of(catalog.EXPERIMENTS["sinusoid"])
        with self.assertRaisesRegex(absl_flags.Error, "ways"):
            flags.parse(settings, [f"--flagfile={path}"])


if __name__ == "__main__":
    absltest.main()

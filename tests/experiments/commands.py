"""Commands run in the process of the test, on command lines of its own."""

import json
import pathlib

import keras
import tensorflow as tf
from absl.testing import parameterized

from experiments.run import contract, flags, main_loop


class CommandTestCase(parameterized.TestCase):
    """A test of one experiment's command.

    Attributes:
        experiment: the experiment, set by the subclass.
        small: flags of a run that takes no time.
        out: the folder of a run, which is not there yet.
    """

    experiment: contract.Experiment
    small: tuple[str, ...] = ()

    def setUp(self):
        super().setUp()
        # As `cli.run`: without XLA, whose compilation takes its time.
        tf.config.experimental.enable_op_determinism()
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        self.out = pathlib.Path(self.create_tempdir().full_path, "run")

    def run_command(self, *argv, out=None):
        """Runs the command; returns what its `results.json` holds."""
        out = out or self.out
        main_loop.run(
            self.experiment,
            flags.parse(
                main_loop.settings_of(self.experiment),
                [f"--out={out}", *self.small, *argv],
            ),
        )
        return json.loads((out / "results.json").read_text())


def build(experiment, problem, name, *, steps=10, seed=0, **given):
    """Builds and compiles a method's model, as the main loop does.

    Args:
        experiment: the experiment.
        problem: what the model is built for.
        name: the method's name.
        steps: steps of the whole run.
        seed: fixes weights and draws.
        **given: settings that the command line gives.
    """
    keras.utils.set_random_seed(seed)
    method = experiment.methods[name]
    return experiment.trainer.build(
        contract.Job(
            method,
            method.choose(given),
            problem,
            contract.Budget(steps, steps, ()),
            seed,
            pathlib.Path(),
            experiment.examine,
        )
    )

"""Commands run in the process of the test, on command lines of its own."""

import json
import os
import pathlib
from unittest import mock

import keras
import tensorflow as tf
from absl import flags as absl_flags
from absl.testing import absltest, parameterized

from experiments.run import contract, flags, main_loop, run_folder
from tfmeta import errors


class CommandTestCase(parameterized.TestCase):
    """A test of one experiment's command.

    Attributes:
        experiment: the experiment, set by the subclass.
        small: flags of a run that takes no time.
        out: the folder of a run, which is not there yet.
    """

    experiment: contract.Experiment
    small: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # What has to be rendered is rendered once for all tests.
        cls.enterClassContext(
            mock.patch.dict(
                os.environ,
                TFMETA_CACHE_DIR=f"{absltest.TEST_TMPDIR.value}/cache",
            )
        )

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
        return self.read_results(out)

    def assert_mistake(self, message, *argv):
        """Checks that a command line is refused before anything is written."""
        with self.assertRaisesRegex(
            (errors.InputError, absl_flags.Error), message
        ):
            self.run_command(*argv)
        self.assertFalse(self.out.exists())

    def read_results(self, out=None):
        """Returns what the `results.json` of a run holds."""
        return json.loads(((out or self.out) / "results.json").read_text())


def run_method(experiment, problem, name, out, budget, given, *, seed):
    """Trains one method on a problem that was not loaded.

    Args:
        experiment: the experiment.
        problem: what to train on.
        name: the method's name, and that of its folder.
        out: the folder of the run.
        budget: values of the budget.
        given: settings that the command line gives.
        seed: fixes weights and draws.

    Returns:
        The outcome, as written to `outcome.json`.
    """
    method = experiment.methods[name]
    return main_loop.run_method(
        experiment,
        name,
        contract.Job(
            method,
            method.choose(given),
            problem,
            contract.Budget.of(budget),
            seed,
            out / name,
            experiment.examine,
        ),
        run_folder.RunFolder(out, experiment.name, {}),
    )


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

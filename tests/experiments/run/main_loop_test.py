"""The main loop: methods one after the other, and side by side."""

import json
import pathlib
from unittest import mock

from absl.testing import absltest

from experiments.landscape import experiment
from experiments.run import cli, flags, main_loop, side_by_side
from tfmeta import errors
from tfmeta.training import callbacks

_SMALL = ("--steps=3", "--quadratics=10", "--methods=adam,adam_pcgrad")


class SideBySideTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)
        self.commands: list[side_by_side.Command] = []

    def run_command(self, out, *argv):
        """Runs the command, its processes in that of the test."""

        def run_here(command):
            self.commands.append(command)
            known = main_loop.settings_of(experiment.EXPERIMENT)
            given = [
                f for f in command.flags if f not in side_by_side.ONE_THREAD
            ]
            main_loop.run(experiment.EXPERIMENT, flags.parse(known, given))
            return 0

        with mock.patch.object(side_by_side, "_run", run_here):
            main_loop.run(
                experiment.EXPERIMENT,
                flags.parse(
                    main_loop.settings_of(experiment.EXPERIMENT),
                    [f"--out={self.folder / out}", *_SMALL, *argv],
                ),
            )
        results = json.loads((self.folder / out / "results.json").read_text())
        for row in results["rows"]:
            del row["seconds"]
        return results

    def test_it_gives_what_one_after_the_other_does(self):
        expected = self.run_command("one")
        self.assertEmpty(self.commands)
        self.assertEqual(self.run_command("two", "--jobs=2"), expected)
        self.assertLen(self.commands, 2)
        for command in self.commands:
            self.assertEqual(command.module, "experiments.tragic_triad")
            self.assertEqual(command.log.parent, self.folder / "two")
            self.assertContainsSubset(side_by_side.ONE_THREAD, command.flags)
        # What is done is not done again, and one alone needs no process.
        self.run_command(
            "two", "--jobs=0", "--methods=adam,adam_pcgrad,theorem_2"
        )
        self.assertLen(self.commands, 2)

    def test_only_training_leaves_the_rest_to_another_call(self):
        with self.assertRaises(FileNotFoundError):
            self.run_command("it", "--only_train")
        names = {path.name for path in (self.folder / "it").iterdir()}
        self.assertEqual(names, {"config.json", "adam", "adam_pcgrad"})

    def test_what_fails_is_told_in_a_line(self):
        for status, error, message in (
            (1, errors.InputError, "ended with status 1: error: it failed"),
            (cli.DIVERGED, callbacks.DivergenceError, "^it failed$"),
        ):

            def fail(command, status=status):
                command.log.write_text("so far\nerror: it failed\n")
                return status

            with (
                mock.patch.object(side_by_side, "_run", fail),
                self.assertRaisesRegex(error, message),
            ):
                main_loop.run(
                    experiment.EXPERIMENT,
                    flags.parse(
                        main_loop.settings_of(experiment.EXPERIMENT),
                        [
                            f"--out={self.folder / str(status)}",
                            *_SMALL,
                            "--jobs=2",
                        ],
                    ),
                )


if __name__ == "__main__":
    absltest.main()

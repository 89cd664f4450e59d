"""Every experiment's description is whole."""

import pathlib
import re
import subprocess
import sys
from unittest import mock

from absl import flags as absl_flags
from absl.testing import absltest, parameterized

import experiments
from experiments import catalog
from experiments.run import contract, flags, main_loop, rows, study

_EXPERIMENTS = list(catalog.EXPERIMENTS.items())
_STUDIES = list(catalog.STUDIES.items())


def _columns(experiment):
    return [
        *experiment.lines,
        *experiment.columns,
        *(
            column
            for further in experiment.further
            for column in further.columns
        ),
    ]


class ExperimentsTest(parameterized.TestCase):
    @parameterized.named_parameters(*((n, e) for n, e in _EXPERIMENTS))
    def test_the_command_s_defaults_are_values_that_it_takes(self, experiment):
        values = flags.parse(main_loop.settings_of(experiment), [])
        self.assertEqual(list(values["methods"]), list(experiment.chosen))
        experiment.check(values)
        contract.Budget.of(values)

    @parameterized.named_parameters(*((n, e) for n, e in _EXPERIMENTS))
    def test_flags_are_explained_and_named_once(self, experiment):
        settings = main_loop.settings_of(experiment)
        names = [setting.name for setting in settings]
        self.assertLen(set(names), len(names))
        for setting in settings:
            self.assertRegex(setting.help, r"\.$", setting.name)
            self.assertNotEmpty(setting.title)
            if setting in experiment.hyperparameters:
                self.assertIsNone(setting.default, setting.name)

    @parameterized.named_parameters(*((n, e) for n, e in _EXPERIMENTS))
    def test_each_setting_of_a_method_has_a_flag_and_each_flag_a_method(
        self, experiment
    ):
        flagged = {setting.name for setting in experiment.hyperparameters}
        had = [set(method.settings) for method in experiment.methods.values()]
        self.assertEqual(set().union(*had), flagged)

    @parameterized.named_parameters(*((n, e) for n, e in _EXPERIMENTS))
    def test_methods_that_are_chosen_or_published_are_there(self, experiment):
        self.assertContainsSubset(experiment.chosen, experiment.methods)
        titles = [method.title for method in experiment.methods.values()]
        self.assertLen(set(titles), len(titles))
        traits = {trait.name for trait in experiment.traits}
        for figure in experiment.published:
            self.assertIn(figure.method, experiment.methods)
            if experiment.splits:
                self.assertIn(figure.split, experiment.splits)
            self.assertContainsSubset(figure.problem, traits)
            self.assertEqual(
                experiment.find_published(
                    figure.method, figure.problem, figure.split
                ),
                figure,
            )
            self.assertIsNone(
                experiment.find_published(figure.method, figure.problem, "")
            )

    @parameterized.named_parameters(*((n, e) for n, e in _EXPERIMENTS))
    def test_columns_show_what_there_is(self, experiment):
        settings = {
            setting.name
            for setting in (*experiment.spending, *experiment.hyperparameters)
        }
        for column in _columns(experiment):
            with self.subTest(column.title):
                self.assertNotEmpty(column.title)
                self.assertContainsSubset(column.splits, experiment.splits)
                if column.show == "setting":
                    self.assertIn(column.value, settings)
        self.assertContainsSubset(experiment.shown_settings, settings)
        self.assertLen(
            [c for c in experiment.columns if c.is_result], 1, "result"
        )

    @parameterized.named_parameters(*((n, e) for n, e in _EXPERIMENTS))
    def test_its_command_lists_its_flags_and_no_other_s(self, experiment):
        with mock.patch.object(sys, "argv", [experiment.name]):
            listed = absl_flags.FlagValues()
            flags.define(main_loop.settings_of(experiment), listed)
            text = listed.main_module_help()
        shown = set(re.findall(r"^  --(?:\[no\])?(\w+):", text, re.MULTILINE))
        self.assertEqual(
            shown, {s.name for s in main_loop.settings_of(experiment)}
        )

    def test_a_setting_without_a_value_is_refused(self):
        experiment = catalog.EXPERIMENTS["sinusoid"]
        with self.assertRaises(absl_flags.UnrecognizedFlagError):
            flags.parse(main_loop.settings_of(experiment), ["--ways=5"])


class StudiesTest(parameterized.TestCase):
    @parameterized.named_parameters(*_STUDIES)
    def test_it_sweeps_what_its_methods_have(self, described):
        values = flags.parse(study.settings_of(described), [])
        self.assertEqual(list(values["methods"]), list(described.chosen))
        for sweep in described.sweeps:
            self.assertEqual(values[sweep.flag], tuple(sweep.values))
            if sweep.setting == "seed":
                continue  # Which all have.
            for name in described.chosen:
                self.assertIn(
                    sweep.setting, described.experiment.methods[name].settings
                )
        if described.experiment.splits:
            for score in described.scores:
                self.assertIn(score.split, values["eval_splits"])

    @parameterized.named_parameters(*_STUDIES)
    def test_a_cell_s_command_line_says_what_the_study_s_does(self, described):
        known = main_loop.settings_of(described.experiment)
        values = flags.parse(study.settings_of(described), ["--seed=3"])
        again = flags.parse(known, flags.write(known, values))
        self.assertEqual(
            again, {setting.name: values[setting.name] for setting in known}
        )


class CatalogTest(parameterized.TestCase):
    def test_each_has_a_command_of_its_name(self):
        folder = pathlib.Path(experiments.__path__[0])
        for name in (*catalog.EXPERIMENTS, *catalog.STUDIES):
            with self.subTest(name):
                text = (folder / f"{name}.py").read_text(encoding="utf-8")
                self.assertIn(f"//experiments:{name}", text)

    def test_help_of_a_command_is_its_docstring_and_flags(self):
        process = subprocess.run(
            [sys.executable, "-m", "experiments.tragic_triad", "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertIn("Why gradient surgery works", process.stdout)
        self.assertIn("--quadratics", process.stdout)
        self.assertNotIn("--ways", process.stdout)


class SchemaTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"schema": 3}, "has version 3; this program reads version 2"),
        ({}, "has no version"),
        ([], "has no version"),
    )
    def test_another_version_is_refused_in_a_line(self, content, message):
        with self.assertRaisesRegex(ValueError, f"^it: {message}"):
            rows.check_schema(content, "it")
        rows.check_schema({"schema": rows.SCHEMA}, "it")


if __name__ == "__main__":
    absltest.main()

"""The command that writes the report, and the page of the kept results."""

import contextlib
import io
import pathlib
import shutil

from absl.testing import absltest, flagsaver, parameterized

from experiments import catalog, report
from tfmeta import errors

_KEPT = pathlib.Path(__file__).parents[2] / "experiments/results"


class ReportTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(self.create_tempdir().full_path, "new/out.html")
        self.folder = self.out.parents[1] / "runs"
        self.folder.mkdir()

    def run_command(self, folder):
        printed, complained = io.StringIO(), io.StringIO()
        with (
            flagsaver.flagsaver(results=str(folder), out=str(self.out)),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(complained),
        ):
            report.main()
        return printed.getvalue(), complained.getvalue()

    def test_a_run_and_what_is_none(self):
        run = self.folder / "run"
        run.mkdir()
        kept = _KEPT / "sinusoid/5shot_seed0.json"
        shutil.copy(kept, run / "results.json")
        (self.folder / "bad.json").write_text("")
        printed, complained = self.run_command(self.folder)
        self.assertRegex(printed, r"^Wrote .*out.html \(.* MB\): 1 run\n$")
        self.assertRegex(complained, r"^not shown: bad.json: .*\n$")
        self.assertStartsWith(self.out.read_text(), "<!DOCTYPE html>")
        self.assertEqual(list(self.out.parent.iterdir()), [self.out])

    def test_all_kept_results_are_shown(self):
        printed, complained = self.run_command(_KEPT)
        files = list(_KEPT.rglob("*.json"))
        benchmarks = [
            file for file in files if '"benchmark":' in file.read_text()
        ]
        self.assertLen(complained.splitlines(), len(benchmarks), complained)
        self.assertEndsWith(printed, f": {len(files) - len(benchmarks)} runs\n")
        page = self.out.read_text()
        for name, command in catalog.COMMANDS.items():
            is_kept = any(
                f'"command": "{name}"' in file.read_text() for file in files
            )
            self.assertEqual(f'id="{name}"' in page, is_kept, name)
            self.assertEqual(command.title in page, is_kept, name)

    @parameterized.parameters((False, "found none$"), (True, "can be shown$"))
    def test_no_runs(self, has_file, message):
        if has_file:
            (self.folder / "bad.json").write_text("")
        with self.assertRaisesRegex(errors.InputError, message):
            self.run_command(self.folder)

    def test_no_folder(self):
        with self.assertRaisesRegex(errors.InputError, "no such folder"):
            self.run_command(self.folder / "nowhere")


if __name__ == "__main__":
    absltest.main()

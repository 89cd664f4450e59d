"""Tests for tools.run_tests."""

import pathlib
import subprocess
import sys

from absl.testing import absltest, parameterized

from tools import run_tests

_FILE = """
import os

from absl.testing import absltest

def setUpModule():
    print("set up", __name__)

class {name}(absltest.TestCase):
    def test_one(self):
        print("ran", __name__)
        self.assertNotEqual(os.environ.get("FAIL"), __name__)

class SameTest(absltest.TestCase):
    def test_same(self):
        print("ran", __name__)
"""


class RunTestsTest(parameterized.TestCase):
    def run_tests(self, *arguments, **environment):
        """Runs two files, of three cases each; returns what was printed."""
        folder = pathlib.Path(self.create_tempdir().full_path)
        (folder / "tests").mkdir()
        for name in "ab":
            text = _FILE.format(name=f"{name.upper()}Test")
            (folder / f"tests/{name}_test.py").write_text(text)
        run = subprocess.run(
            [
                *(sys.executable, "-P", run_tests.__file__),
                *("tests/a_test.py", "tests/b_test.py"),
                *arguments,
            ],
            cwd=folder,
            env={"PYTHONPATH": str(folder), **environment},
            capture_output=True,
            text=True,
        )
        return run, [
            line
            for line in run.stdout.splitlines()
            if line.startswith(("set up", "ran"))
        ]

    def test_runs_the_cases_of_all_files(self):
        run, lines = self.run_tests()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(
            lines,
            [
                *("set up tests.a_test", *["ran tests.a_test"] * 2),
                *("set up tests.b_test", *["ran tests.b_test"] * 2),
            ],
        )

    @parameterized.parameters(
        ("BTest", 1), ("BTest.test_one", 1), ("b_test", 2), ("b_test.BTest", 1)
    )
    def test_runs_the_cases_that_are_named(self, name, count):
        expected = ["set up tests.b_test", *["ran tests.b_test"] * count]
        self.assertEqual(self.run_tests(name)[1], expected)
        # As Bazel's --test_filter.
        self.assertEqual(self.run_tests(TESTBRIDGE_TEST_ONLY=name)[1], expected)

    def test_a_name_in_two_files_is_refused(self):
        run, lines = self.run_tests("SameTest")
        self.assertNotEqual(run.returncode, 0)
        self.assertEmpty(lines)

    def test_a_failure_fails(self):
        run, lines = self.run_tests("a_test", FAIL="tests.a_test")
        self.assertEqual(run.returncode, 1)
        self.assertLen(lines, 3)
        run, _ = self.run_tests("b_test", FAIL="tests.a_test")
        self.assertEqual(run.returncode, 0)

    def test_shards_and_writes_xml(self):
        xml = pathlib.Path(self.create_tempdir().full_path, "test.xml")
        printed = []
        for shard in "01":
            run, lines = self.run_tests(
                f"--xml_output_file={xml}",
                TEST_TOTAL_SHARDS="2",
                TEST_SHARD_INDEX=shard,
            )
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("tests.a_test.", xml.read_text())
            printed += [line for line in lines if line.startswith("ran")]
        self.assertCountEqual(
            printed, [*["ran tests.a_test"] * 2, *["ran tests.b_test"] * 2]
        )


if __name__ == "__main__":
    absltest.main()

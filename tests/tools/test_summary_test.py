"""Tests for tools.test_summary."""

import contextlib
import io
import json
import pathlib

from absl.testing import absltest, parameterized

from tools import test_summary

_PASSED = '<testcase name="a" status="run"/>'
_FAILED = '<testcase name="b"><failure message="x"/></testcase>'
_ERROR = '<testcase name="c"><error message="x"/></testcase>'
_NOT_RUN = '<testcase name="d" status="notrun" result="suppressed"/>'
_SKIPPED = '<testcase name="e"><skipped/></testcase>'


class TestSummaryTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)
        self.events = []

    def add_test(self, label, status, *cases, attempt=1, shard=1):
        """Adds what Bazel leaves of one test; no case, no XML."""
        outputs = []
        if cases:
            xml = self.folder / f"a folder/{label}-{shard}-{attempt}/test.xml"
            xml.parent.mkdir(parents=True)
            xml.write_text(
                "<testsuites><testsuite>"
                + "".join(cases)
                + "</testsuite></testsuites>"
            )
            outputs = [
                {"name": "test.log", "uri": "file:///nowhere/test.log"},
                {"name": "test.xml", "uri": xml.as_uri()},
            ]
        identity = {
            "label": label,
            "run": 1,
            "shard": shard,
            "attempt": attempt,
        }
        self.events.append(
            {
                "id": {"testResult": identity},
                "testResult": {"status": status, "testActionOutput": outputs},
            }
        )

    def finish(self, code):
        exit_code = {"name": "X", "code": code} if code else {"name": "SUCCESS"}
        self.events.append(
            {"id": {"buildFinished": {}}, "finished": {"exitCode": exit_code}}
        )

    def summarize(self):
        path = self.folder / "events.json"
        path.write_text("\n".join(json.dumps(event) for event in self.events))
        return test_summary.summarize_run(path)

    @parameterized.named_parameters(
        ("passed", _PASSED, (1, 0, 0)),
        ("failed", _FAILED, (0, 1, 0)),
        ("error", _ERROR, (0, 1, 0)),
        ("not_run", _NOT_RUN, (0, 0, 1)),
        ("skipped", _SKIPPED, (0, 0, 1)),
    )
    def test_case(self, case, expected):
        self.add_test("t", "FAILED" if expected[1] else "PASSED", case)
        self.finish(3 if expected[1] else 0)
        self.assertEqual(self.summarize(), expected)

    def test_sums_over_tests_and_shards(self):
        self.add_test("s", "PASSED", _PASSED, _SKIPPED)
        self.add_test("t", "PASSED", _PASSED, _PASSED, shard=1)
        self.add_test("t", "FAILED", _FAILED, _ERROR, shard=2)
        self.finish(3)
        self.assertEqual(self.summarize(), (3, 2, 1))

    @parameterized.parameters("PASSED", "FAILED", "TIMEOUT", "REMOTE_FAILURE")
    def test_without_xml_counts_as_failed(self, status):
        self.add_test("t", status)
        self.finish(0 if status == "PASSED" else 3)
        self.assertEqual(self.summarize(), (0, 1, 0))

    def test_crash_after_passed_cases_counts_as_failed(self):
        self.add_test("t", "FAILED", _PASSED, _PASSED)
        self.finish(3)
        self.assertEqual(self.summarize(), (2, 1, 0))

    @parameterized.parameters("PASSED", "TIMEOUT")
    def test_half_written_xml_counts_as_failed(self, status):
        self.add_test("t", status, _PASSED, "<testcase")
        self.finish(0 if status == "PASSED" else 3)
        self.assertEqual(self.summarize(), (0, 1, 0))

    def test_last_attempt_counts(self):
        self.add_test("t", "FAILED", _FAILED, attempt=1)
        self.add_test("t", "PASSED", _PASSED, attempt=2)
        self.finish(0)
        self.assertEqual(self.summarize(), (1, 0, 0))

    def test_failed_build_counts_as_failed(self):
        self.add_test("t", "PASSED", _PASSED)
        self.finish(1)
        self.assertEqual(self.summarize(), (1, 1, 0))

    def test_run_that_did_not_end_counts_as_failed(self):
        self.add_test("t", "PASSED", _PASSED)
        self.assertEqual(self.summarize(), (1, 1, 0))

    def test_half_written_events_count_as_failed(self):
        path = self.folder / "events.json"
        path.write_text('{"id": {"started"')
        self.assertEqual(test_summary.summarize_run(path), (0, 1, 0))

    @parameterized.named_parameters(
        ("success", 0, "PASSED", _PASSED, "1 passed, 0 failed, 0 skipped"),
        ("failure", 3, "FAILED", _FAILED, "0 passed, 1 failed, 0 skipped"),
    )
    def test_main(self, code, status, case, line):
        self.add_test("t", status, case)
        self.finish(code)
        self.summarize()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exit_status = test_summary.main([str(self.folder / "events.json")])
        self.assertEqual(printed.getvalue(), line + "\n")
        self.assertEqual(exit_status, int(code != 0))

    def test_missing_events_count_as_failed(self):
        missing = self.folder / "missing.json"
        self.assertEqual(test_summary.summarize_run(missing), (0, 1, 0))


if __name__ == "__main__":
    absltest.main()

"""Counts the test cases of one run of Bazel.

`python tools/test_summary.py EVENTS` reads the file that Bazel wrote for
`--build_event_json_file=EVENTS` and prints "N passed, N failed, N skipped".
The exit status is 1 if anything failed.

The events name the XML file of each test that the run ran or took from the
cache; the files of other runs, which `bazel-testlogs` keeps, do not count.
"""

import argparse
import json
import pathlib
import sys
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

# Bazel's exit statuses whose meaning the tests' own results tell.
_SUCCESS = 0
_TESTS_FAILED = 3


class Summary(NamedTuple):
    """How many test cases passed, failed or were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: "Summary") -> "Summary":
        """Returns the sums of both."""
        return Summary(*(a + b for a, b in zip(self, other, strict=True)))

    def __str__(self) -> str:
        """Returns the line that continuous integration reads."""
        return (
            f"{self.passed} passed, {self.failed} failed, "
            f"{self.skipped} skipped"
        )


def summarize_case(case: ElementTree.Element) -> Summary:
    """Tells whether one `testcase` passed, failed or was skipped."""
    if case.find("failure") is not None or case.find("error") is not None:
        return Summary(failed=1)
    # absl writes "notrun" where other writers put an element.
    if case.find("skipped") is not None or case.get("status") == "notrun":
        return Summary(skipped=1)
    return Summary(passed=1)


def summarize_test(status: str, xml: pathlib.Path | None) -> Summary:
    """Counts the cases of one test, or of one shard of it.

    A test that crashed, ran out of time or left early, even with exit status 0,
    may have left no XML, half of one or one without the case that broke it: it
    counts at least one failure.

    Args:
        status: what Bazel says of it: "PASSED", "FAILED", "TIMEOUT", ...
        xml: the file with its cases, if there is one.

    Returns:
        The numbers of its cases.
    """
    if xml is None:
        return Summary(failed=1)
    summary = Summary()
    try:
        for case in ElementTree.parse(xml).iter("testcase"):
            summary = summary.plus(summarize_case(case))
    except (OSError, ElementTree.ParseError):
        return Summary(failed=1)
    if status == "PASSED":
        # Nothing to count is not a failure: a shard may have no case.
        return summary
    return summary._replace(failed=max(summary.failed, 1))


def summarize_run(events: pathlib.Path) -> Summary:
    """Counts the cases of one run.

    Args:
        events: the file of Bazel's build events, a JSON object a line.

    Returns:
        The sums over the tests of the run; at least one failure if the run
        itself failed or did not end.
    """
    tests: dict[tuple[str, int, int], Summary] = {}
    exit_status = None
    for event in _read_events(events):
        if "testResult" in event:
            identity = event["id"]["testResult"]
            # A later attempt replaces an earlier one.
            tests[identity["label"], identity["run"], identity["shard"]] = (
                summarize_test(
                    event["testResult"]["status"],
                    _find_xml(event["testResult"]),
                )
            )
        elif "finished" in event:
            # A zero is left out.
            exit_status = event["finished"]["exitCode"].get("code", _SUCCESS)
    summary = Summary()
    for test in tests.values():
        summary = summary.plus(test)
    if exit_status == _SUCCESS or (
        exit_status == _TESTS_FAILED and summary.failed
    ):
        return summary
    return summary.plus(Summary(failed=1))


def _read_events(path: pathlib.Path) -> list[dict[str, Any]]:
    events = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            events.append(json.loads(line))
    except (OSError, ValueError):
        # Bazel was stopped; the events before tell what it did.
        pass
    return events


def _find_xml(result: dict[str, Any]) -> pathlib.Path | None:
    for output in result.get("testActionOutput", []):
        if output["name"] == "test.xml":
            path = urllib.parse.urlparse(output["uri"]).path
            return pathlib.Path(urllib.request.url2pathname(path))
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the summary of one run and returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Counts the test cases of one run of Bazel."
    )
    parser.add_argument("events", type=pathlib.Path)
    summary = summarize_run(parser.parse_args(arguments).events)
    print(summary)
    return int(summary.failed > 0)


if __name__ == "__main__":
    sys.exit(main())

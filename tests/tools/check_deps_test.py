"""Tests for tools.check_deps."""

import contextlib
import io
import pathlib
import textwrap

from absl.testing import absltest, parameterized

from tools import check_deps

# A tree without a fault.
_TREE = {
    "tfmeta/__init__.py": "",
    "tfmeta/errors.py": "",
    "tfmeta/BUILD": """
        load("//tools:python.bzl", "py_library")
        py_library(name = "tfmeta", srcs = ["__init__.py"], deps = [":errors"])
        py_library(name = "errors", srcs = ["errors.py"])
    """,
    "tfmeta/tasks/episodes.py": """
        from __future__ import annotations
        import os.path
        import numpy as np
        from typing import TYPE_CHECKING
        from tfmeta import errors
        if TYPE_CHECKING:
            from tfmeta.tasks import sources
    """,
    "tfmeta/tasks/sources.py": "def load():\n    import tfmeta.tasks.episodes",
    "tfmeta/tasks/BUILD": """
        py_library(
            name = "episodes",
            srcs = ["episodes.py"],
            deps = ["//tfmeta:errors"],
        )
        py_library(
            name = "sources",
            srcs = ["sources.py"],
            deps = [":episodes"],
        )
    """,
    "tests/episodes_test.py": "from tfmeta.tasks.episodes import draw",
    "tests/BUILD": """
        py_test(
            name = "episodes_test",
            srcs = ["episodes_test.py"],
            deps = [
                "//tfmeta",
                "//tfmeta/tasks:episodes",
                "//tfmeta/tasks:sources",  # keep: the test runs it.
            ],
        )
    """,
}


class CheckDepsTest(parameterized.TestCase):
    def check(self, **changes):
        """Checks the tree, with some files changed; None removes one."""
        root = pathlib.Path(self.create_tempdir().full_path)
        for name, text in {**_TREE, **changes}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(textwrap.dedent(text))
        return check_deps.check(root)

    def test_tree_without_fault(self):
        self.assertEqual(self.check(), [])

    def test_file_in_no_target(self):
        self.assertEqual(
            self.check(**{"tfmeta/tasks/glyphs.py": ""}),
            ["tfmeta/tasks/glyphs.py: in no target of a BUILD file"],
        )

    def test_target_without_file(self):
        self.assertIn(
            "tfmeta/BUILD: //tfmeta:errors: no file tfmeta/errors.py",
            self.check(**{"tfmeta/errors.py": None}),
        )

    @parameterized.parameters(
        "import tfmeta.tasks.sources",
        "import tfmeta.tasks.sources as s",
        "from tfmeta.tasks import sources",
        "from tfmeta.tasks import episodes, sources",
        "from tfmeta.tasks.sources import load",
        "def f():\n    from tfmeta.tasks import sources",
        "if True:\n    from tfmeta.tasks import sources",
    )
    def test_import_without_dependency(self, text):
        problems = self.check(
            **{"tfmeta/tasks/episodes.py": f"import tfmeta.errors\n{text}"}
        )
        line = 2 + text.count("\n")
        self.assertEqual(
            problems,
            [
                "tfmeta/tasks/BUILD: //tfmeta/tasks:episodes lacks the "
                "dependency //tfmeta/tasks:sources: "
                f"tfmeta/tasks/episodes.py:{line} imports it"
            ],
        )

    def test_dependency_without_import(self):
        self.assertEqual(
            self.check(**{"tfmeta/tasks/episodes.py": "import os"}),
            [
                "tfmeta/tasks/BUILD: //tfmeta/tasks:episodes does not import "
                "its dependency //tfmeta:errors"
            ],
        )

    def test_main(self):
        root = pathlib.Path(self.create_tempdir().full_path)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(check_deps.main([str(root)]), 0)
            (root / "tfmeta").mkdir()
            (root / "tfmeta/new.py").touch()
            self.assertEqual(check_deps.main([str(root)]), 1)
        self.assertIn("tfmeta/new.py: in no target", printed.getvalue())


if __name__ == "__main__":
    absltest.main()

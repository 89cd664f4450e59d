"""Tests for tools.check_deps."""

import contextlib
import io
import pathlib
import subprocess
import sys
import textwrap

from absl.testing import absltest, parameterized

from tools import check_deps, room_order

# A tree without a fault.
_TREE = {
    "tfmeta/__init__.py": "if TYPE_CHECKING:\n    from tfmeta import errors",
    "tfmeta/errors.py": "",
    "tfmeta/BUILD": """
        load("//tools:python.bzl", "py_library")
        package(default_visibility = ["//visibility:public"])
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
        load("//tools:python.bzl", "py_library")
        package(default_visibility = ["//visibility:public"])
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
        load("//tools:python.bzl", "py_test")
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


# What `--fix` is tried on: it needs more than one name on a line.
_BUILD = """\
load("//tools:python.bzl", "py_library")

package(default_visibility = ["//visibility:public"])

# The package.
py_library(
    name = "tasks",
    srcs = ["__init__.py"],
    deps = [":episodes"],
)

py_library(
    name = "episodes",
    srcs = ["episodes.py"],
    data = ["words.txt"],  # Read when it is imported.
    deps = ["//tfmeta:errors"],
)

filegroup(
    name = "words",
    srcs = ["words.txt"],
)

py_library(
    name = "sources",
    srcs = ["sources.py"],
    deps = [
        ":episodes",
        # A process of its own.
        ":worker",  # keep: run, not imported.
        "//tfmeta:errors",
    ],
)

py_library(
    name = "worker",
    srcs = ["worker.py"],
)
"""
_FIXED_TREE = {
    "tfmeta/errors.py": "",
    "tfmeta/BUILD": """\
load("//tools:python.bzl", "py_library")

package(default_visibility = ["//visibility:public"])

py_library(
    name = "errors",
    srcs = ["errors.py"],
)
""",
    "tfmeta/tasks/__init__.py": "from tfmeta.tasks import episodes",
    "tfmeta/tasks/episodes.py": "from tfmeta import errors",
    "tfmeta/tasks/sources.py": (
        "from tfmeta import errors\nfrom tfmeta.tasks.episodes import draw"
    ),
    "tfmeta/tasks/worker.py": "",
    "tfmeta/tasks/BUILD": _BUILD,
}


class TreeTestCase(parameterized.TestCase):
    def write_tree(self, tree, changes=()):
        """Writes the tree, with some files changed; None removes one."""
        root = pathlib.Path(self.create_tempdir().full_path)
        for name, text in {**tree, **dict(changes)}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(textwrap.dedent(text))
        return root


class CheckDepsTest(TreeTestCase):
    def check(self, **changes):
        return check_deps.check(self.write_tree(_TREE, changes))

    def test_tree_without_fault(self):
        self.assertEqual(self.check(), [])

    def test_file_in_no_target(self):
        self.assertEqual(
            self.check(**{"tfmeta/tasks/glyphs.py": ""}),
            ["tfmeta/tasks/glyphs.py: in no target of a BUILD file"],
        )

    def test_target_that_is_there_twice(self):
        build = textwrap.dedent(_TREE["tfmeta/tasks/BUILD"])
        again = 'py_library(name = "episodes", srcs = ["episodes.py"])'
        self.assertIn(
            "tfmeta/tasks/BUILD: //tfmeta/tasks:episodes is there twice",
            self.check(**{"tfmeta/tasks/BUILD": f"{build}\n{again}\n"}),
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

    def test_package_depends_on_what_it_loads_when_it_is_used(self):
        problems = self.check(
            **{
                "tfmeta/__init__.py": """
                    from tfmeta import errors
                    if TYPE_CHECKING:
                        from tfmeta.tasks import sources
                """
            }
        )
        self.assertLen(problems, 1)
        self.assertIn(
            "//tfmeta:tfmeta lacks the dependency //tfmeta/tasks:sources",
            problems[0],
        )

    def test_command_depends_on_its_package(self):
        build = """
            load("//tools:python.bzl", "py_binary", "py_library")
            py_library(name = "experiments", srcs = ["__init__.py"])
            py_binary(name = "command", srcs = ["command.py"], deps = {})
        """
        changes = {"experiments/__init__.py": "", "experiments/command.py": ""}
        self.assertEqual(
            self.check(
                **{
                    **changes,
                    "experiments/BUILD": build.format([":experiments"]),
                }
            ),
            [],
        )
        problems = self.check(
            **{**changes, "experiments/BUILD": build.format([])}
        )
        self.assertLen(problems, 1)
        self.assertIn(
            "lacks the dependency //experiments:experiments", problems[0]
        )

    def test_kept_dependency_on_no_target(self):
        build = _TREE["tests/BUILD"].replace("tasks:sources", "tasks:gone")
        self.assertEqual(
            self.check(**{"tests/BUILD": build}),
            [
                "tests/BUILD: //tests:episodes_test: no target "
                "//tfmeta/tasks:gone"
            ],
        )

    def test_dependency_that_may_not_be_seen(self):
        build = _TREE["tfmeta/tasks/BUILD"].replace(
            'package(default_visibility = ["//visibility:public"])', ""
        )
        self.assertEqual(
            self.check(**{"tfmeta/tasks/BUILD": build}),
            [
                f"tfmeta/tasks/BUILD: //tfmeta/tasks:{name} is not visible to "
                "the packages that depend on it"
                for name in ("episodes", "sources")
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

    def test_run_as_a_program(self):
        tool = pathlib.Path(check_deps.__file__)
        root = self.write_tree(_TREE, {"tfmeta/new.py": ""})
        run = subprocess.run(
            [sys.executable, "-P", tool, root],
            cwd="/",
            env={},
            capture_output=True,
            text=True,
        )
        self.assertEqual(
            run.stdout, "tfmeta/new.py: in no target of a BUILD file\n"
        )


class FixTest(TreeTestCase):
    def fix(self, **changes):
        """Fixes the tree, twice, and returns its root and the lines printed."""
        root = self.write_tree(_FIXED_TREE, changes)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(check_deps.main(["--fix", str(root)]), 0)
        builds = {path: path.read_text() for path in root.rglob("BUILD")}
        again = io.StringIO()
        with contextlib.redirect_stdout(again):
            self.assertEqual(check_deps.main(["--fix", str(root)]), 0)
        self.assertEmpty(again.getvalue())
        for path in root.rglob("BUILD"):
            self.assertEqual(path.read_text(), builds.pop(path))
        self.assertEmpty(builds)
        return root, printed.getvalue().splitlines()

    def fix_tasks(self, **changes):
        """Fixes the tree and returns the BUILD file of `tfmeta/tasks`."""
        return (self.fix(**changes)[0] / "tfmeta/tasks/BUILD").read_text()

    def test_tree_without_fault_stays(self):
        root, printed = self.fix()
        self.assertEmpty(printed)
        for name, text in _FIXED_TREE.items():
            self.assertEqual((root / name).read_text(), text)

    def test_main_without_fix_writes_nothing(self):
        root = self.write_tree(_FIXED_TREE, {"tfmeta/new.py": ""})
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(check_deps.main([str(root)]), 1)
        build = (root / "tfmeta/BUILD").read_text()
        self.assertEqual(build, _FIXED_TREE["tfmeta/BUILD"])

    def test_import_becomes_a_dependency(self):
        text = self.fix_tasks(
            **{"tfmeta/tasks/worker.py": "import tfmeta.errors"}
        )
        self.assertEqual(
            text,
            _BUILD.replace(
                '["worker.py"],\n',
                '["worker.py"],\n    deps = ["//tfmeta:errors"],\n',
            ),
        )

    def test_dependencies_are_sorted_as_by_buildifier(self):
        text = self.fix_tasks(
            **{
                "tfmeta/tasks/worker.py": """
                    import tfmeta.tasks
                    import tfmeta.layers.film
                    import tfmeta.layers
                    import tfmeta.errors
                    import tfmeta.tasks.episodes
                """,
                "tfmeta/layers/__init__.py": "",
                "tfmeta/layers/film.py": "",
            }
        )
        self.assertIn(
            """
    srcs = ["worker.py"],
    deps = [
        ":episodes",
        ":tasks",
        "//tfmeta:errors",
        "//tfmeta/layers",
        "//tfmeta/layers:film",
    ],
)
""",
            text,
        )

    def test_dependency_not_imported_goes(self):
        text = self.fix_tasks(**{"tfmeta/tasks/episodes.py": ""})
        self.assertEqual(
            text,
            _BUILD.replace(
                """    deps = ["//tfmeta:errors"],\n""",
                "",
            ),
        )

    def test_kept_dependency_stays_with_its_comments(self):
        text = self.fix_tasks(**{"tfmeta/tasks/sources.py": ""})
        self.assertEqual(
            text,
            _BUILD.replace('        ":episodes",\n', "").replace(
                '        "//tfmeta:errors",\n', ""
            ),
        )

    def test_targets_on_one_line(self):
        root, _ = self.fix(
            **{
                "tfmeta/BUILD": """
                    load("//tools:python.bzl", "py_library")
                    package(default_visibility = ["//visibility:public"])
                    py_library(name = "errors", srcs = ["errors.py"])
                    py_library(name = "a", srcs = ["a.py"])
                    py_library(name = "b", srcs = ["b.py"], deps = [":errors"])
                    py_library(name = "c", srcs = ["c.py"], deps = [":a"])
                """,
                "tfmeta/a.py": "from tfmeta import errors",
                "tfmeta/b.py": "",
                "tfmeta/c.py": "from tfmeta import b",
            }
        )
        self.assertEqual(
            (root / "tfmeta/BUILD").read_text(),
            textwrap.dedent("""
                load("//tools:python.bzl", "py_library")
                package(default_visibility = ["//visibility:public"])
                py_library(name = "errors", srcs = ["errors.py"])
                py_library(name = "a", srcs = ["a.py"], deps = [":errors"])
                py_library(name = "b", srcs = ["b.py"])
                py_library(name = "c", srcs = ["c.py"], deps = [":b"])
            """),
        )

    def test_new_module(self):
        root, printed = self.fix(
            **{"tfmeta/tasks/glyphs.py": "from tfmeta import errors"}
        )
        self.assertEqual(
            printed,
            ["tfmeta/tasks/BUILD: added py_library //tfmeta/tasks:glyphs"],
        )
        self.assertEqual(
            (root / "tfmeta/tasks/BUILD").read_text(),
            _BUILD.replace(
                """\nfilegroup(""",
                """
py_library(
    name = "glyphs",
    srcs = ["glyphs.py"],
    deps = ["//tfmeta:errors"],
)

filegroup(""",
            ),
        )

    def test_new_folders(self):
        root, printed = self.fix(
            **{
                "experiments/__init__.py": "",
                "experiments/run.py": (
                    "from experiments.parts import part\n"
                    "if __name__ == '__main__':\n    pass"
                ),
                "experiments/parts/part.py": "",
                "tests/run_test.py": """
                    from experiments import run
                    from tests import cases
                    if __name__ == "__main__":
                        pass
                """,
                "tests/cases.py": "",
            }
        )
        self.assertLen(printed, 5)
        self.assertEqual(
            (root / "experiments/BUILD").read_text(),
            """\
load("//tools:python.bzl", "py_binary", "py_library")

package(default_visibility = ["//visibility:public"])

py_library(
    name = "experiments",
    srcs = ["__init__.py"],
)

py_binary(
    name = "run",
    srcs = ["run.py"],
    deps = [
        ":experiments",
        "//experiments/parts:part",
    ],
)
""",
        )
        self.assertEqual(
            (root / "experiments/parts/BUILD").read_text(),
            """\
load("//tools:python.bzl", "py_library")

package(default_visibility = ["//visibility:public"])

py_library(
    name = "part",
    srcs = ["part.py"],
)
""",
        )
        self.assertEqual(
            (root / "tests/BUILD").read_text(),
            """\
load("//tools:python.bzl", "py_library", "py_test")

py_library(
    name = "cases",
    testonly = True,
    srcs = ["cases.py"],
    visibility = ["//tests:__subpackages__"],
)

py_test(
    name = "run_test",
    size = "small",
    srcs = ["run_test.py"],
    deps = [
        ":cases",
        "//experiments:run",
    ],
)
""",
        )

    def test_removed_module(self):
        root, printed = self.fix(
            **{
                "tfmeta/tasks/__init__.py": "",
                "tfmeta/tasks/episodes.py": None,
                "tfmeta/tasks/sources.py": "",
            }
        )
        self.assertEqual(
            printed,
            [
                "tfmeta/tasks/BUILD: removed py_library "
                "//tfmeta/tasks:episodes; LOST, write it by hand: "
                'data = ["words.txt"]'
            ],
        )
        text = (root / "tfmeta/tasks/BUILD").read_text()
        self.assertNotIn("episodes", text)
        self.assertNotIn("\n\n\n", text)
        self.assertIn("filegroup", text)

    def test_moved_modules_take_along_what_names_no_file(self):
        test = """
            load("//tools:python.bzl", "py_test")
            py_test(
                name = "episodes_test",
                size = "large",
                srcs = ["episodes_test.py"],
                data = ["//:words"],
                shard_count = 2,
                deps = [
                    "//tfmeta:errors",  # keep
                    "//tfmeta/tasks:episodes",
                ],
            )
        """
        root, printed = self.fix(
            **{
                "tests/BUILD": test,
                "tests/tasks/episodes_test.py": "import tfmeta.tasks.episodes",
            }
        )
        self.assertEqual(
            printed,
            [
                "tests/tasks/BUILD: added py_test //tests/tasks:episodes_test",
                "tests/BUILD: removed py_test //tests:episodes_test; size, "
                "shard_count moved to //tests/tasks:episodes_test; LOST, write "
                'it by hand: data = ["//:words"], dep //tfmeta:errors  # keep',
                "tests/BUILD: removed, for no target is left in it",
            ],
        )
        self.assertFalse((root / "tests/BUILD").exists())
        self.assertEqual(
            (root / "tests/tasks/BUILD").read_text(),
            """\
load("//tools:python.bzl", "py_test")

py_test(
    name = "episodes_test",
    size = "large",
    srcs = ["episodes_test.py"],
    shard_count = 2,
    deps = ["//tfmeta/tasks:episodes"],
)
""",
        )

    def test_file_gone_from_a_target_of_several(self):
        tests = """\
load("//tools:python.bzl", "py_tests")

py_tests(
    name = "small_tests",
    srcs = [
        "a_test.py",
        "b_test.py",
        "c_test.py",
    ],
    deps = ["//tfmeta:errors"],
)
"""
        root, printed = self.fix(
            **{
                "tests/BUILD": tests,
                "tests/a_test.py": "",
                "tests/c_test.py": "import tfmeta.errors",
            }
        )
        self.assertEmpty(printed)
        self.assertEqual(
            (root / "tests/BUILD").read_text(),
            tests.replace('        "b_test.py",\n', ""),
        )
        (root / "tests/c_test.py").unlink()
        with contextlib.redirect_stdout(io.StringIO()):
            check_deps.main(["--fix", str(root)])
        self.assertEqual(
            (root / "tests/BUILD").read_text(),
            """\
load("//tools:python.bzl", "py_tests")

py_tests(
    name = "small_tests",
    srcs = ["a_test.py"],
)
""",
        )

    def test_what_tests_share_is_seen_by_all_of_them(self):
        cases = """\
load("//tools:python.bzl", "py_library")

py_library(
    name = "cases",
    testonly = True,
    srcs = ["cases.py"],{}
    deps = ["//tfmeta:errors"],
)
"""
        files = {
            "tests/BUILD": cases.format(""),
            "tests/cases.py": "import tfmeta.errors",
        }
        root, _ = self.fix(**files)
        self.assertEqual(
            (root / "tests/BUILD").read_text(), files["tests/BUILD"]
        )
        files["tests/tasks/a_test.py"] = "import tests.cases"
        root, _ = self.fix(**files)
        self.assertEqual(
            (root / "tests/BUILD").read_text(),
            cases.format('\n    visibility = ["//tests:__subpackages__"],'),
        )

    def test_name_that_is_taken(self):
        root = self.write_tree(_FIXED_TREE, {"tfmeta/tasks/words.py": ""})
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(check_deps.main(["--fix", str(root)]), 1)
        self.assertEqual(
            printed.getvalue().splitlines(),
            [
                "tfmeta/tasks/BUILD: words is taken: no target for "
                "tfmeta/tasks/words.py",
                "tfmeta/tasks/words.py: in no target of a BUILD file",
            ],
        )


_ROOMS = """
    [tool.rooms]
    order = [
        "tfmeta/errors.py",
        "tfmeta/layers",
        "tfmeta/networks",
        "tfmeta/tasks",
        "tfmeta/__init__.py",
        "experiments/run",
        ["experiments/pose", "experiments/sinusoid"],
        "experiments/*.py",
    ]
    [tool.rooms.only]
    "tfmeta/tasks" = ["tfmeta/errors.py"]
"""


class OrderTest(TreeTestCase):
    def check(self, **files):
        """Checks a tree where one file of each room is there, and `files`."""
        tree = {
            "pyproject.toml": _ROOMS,
            "tfmeta/errors.py": "",
            "tfmeta/layers/film.py": "import tfmeta.errors",
            "tfmeta/layers/sluice.py": "from tfmeta.layers import film",
            "tfmeta/layers/__init__.py": "from tfmeta.layers import sluice",
            "tfmeta/networks/pose.py": "from tfmeta import layers",
            "tfmeta/tasks/pose.py": "from tfmeta import errors",
            "tfmeta/__init__.py": "import tfmeta.tasks.pose, tfmeta.layers",
            "experiments/run/flags.py": "import tfmeta",
            "experiments/pose/figures.py": "import experiments.run.flags",
            "experiments/sinusoid/figures.py": "import experiments.run.flags",
            "experiments/sinusoid.py": "import experiments.sinusoid.figures",
        }
        return room_order.check_order(self.write_tree(tree, files))

    def test_tree_without_fault(self):
        self.assertEmpty(self.check())

    @parameterized.parameters(
        ("tfmeta/errors.py", "tfmeta/layers/film.py"),
        ("tfmeta/layers/film.py", "tfmeta/networks/pose.py"),
        ("tfmeta/layers/film.py", "tfmeta/__init__.py"),
        ("tfmeta/tasks/pose.py", "tfmeta/layers/film.py"),
        ("tfmeta/networks/pose.py", "experiments/sinusoid/figures.py"),
        ("experiments/run/flags.py", "experiments/sinusoid.py"),
        ("experiments/pose/figures.py", "experiments/sinusoid/figures.py"),
        ("experiments/sinusoid/figures.py", "experiments/pose/figures.py"),
    )
    def test_import_of_a_room_that_is_not_below(self, file, module):
        name = module.removesuffix(".py").removesuffix("/__init__")
        name = name.replace("/", ".")
        for text in (
            f"\nimport {name}",
            f"def f():\n    import {name}",
            f"if TYPE_CHECKING:\n    import {name}",
        ):
            problems = self.check(**{file: text})
            self.assertLen(problems, 1)
            self.assertStartsWith(
                problems[0], f"{file}:2: imports {module}, but "
            )

    def test_file_in_no_room(self):
        self.assertEqual(
            self.check(**{"tfmeta/new/thing.py": "", "experiments/x/y.py": ""}),
            [
                "experiments/x/y.py: not in the order of the rooms",
                "tfmeta/new/thing.py: not in the order of the rooms",
            ],
        )

    @parameterized.parameters(
        ("import tfmeta.layers.sluice", "sluice.py"),
        ("if TYPE_CHECKING:\n    import tfmeta.layers.sluice", "sluice.py"),
        ("def f():\n    import tfmeta.layers.sluice", "sluice.py"),
        ("from tfmeta.layers import Sluice", "__init__.py", "sluice.py"),
    )
    def test_circle(self, text, *others):
        problems = self.check(**{"tfmeta/layers/film.py": text})
        self.assertLen(problems, 1)
        prefix, _, circle = problems[0].partition(": ")
        self.assertEqual(prefix, "imports go in a circle")
        first, *rest = circle.split(" -> ")
        self.assertEqual(first, rest[-1])
        files = [f"tfmeta/layers/{name}" for name in ("film.py", *others)]
        at = rest.index(files[0])
        self.assertEqual(rest[at:] + rest[:at], files)

    def test_two_circles(self):
        problems = self.check(
            **{
                "tfmeta/layers/film.py": "import tfmeta.layers.sluice",
                "experiments/pose/a.py": "import experiments.pose.b",
                "experiments/pose/b.py": "import experiments.pose.a",
            }
        )
        self.assertLen(problems, 2)

    def test_main_with_order(self):
        root = self.write_tree(
            _TREE, {"pyproject.toml": "tool.rooms.order = ['tfmeta', 'tests']"}
        )
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(check_deps.main([str(root)]), 1)
            (root / "pyproject.toml").unlink()
            self.assertEqual(check_deps.main([str(root)]), 0)
        # For the type checker, episodes import the sources, too.
        self.assertIn("imports go in a circle", printed.getvalue())


if __name__ == "__main__":
    absltest.main()

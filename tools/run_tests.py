"""Runs the test cases of several files in one process.

`python tools/run_tests.py tests/a_test.py tests/b_test.py [options]` is what
`py_tests` of `python.bzl` runs: importing TensorFlow takes longer than most
files of tests. The options are absl's and unittest's, and the names of cases:
`b_test` for those of a file, `b_test.BTest.test_c` for one. `BTest.test_c` will
do where no other file has a class of that name.
"""

import importlib
import pathlib
import sys
import types
import unittest
from collections.abc import Iterable

from absl.testing import absltest


class Cases(types.ModuleType):
    """A module with the test cases of others, as absl and unittest want one.

    Args:
        modules: the modules whose cases they are.
    """

    def __init__(self, modules: Iterable[types.ModuleType]):
        super().__init__("cases")
        self._modules = list(modules)
        classes: dict[str, list[type]] = {}
        for module in self._modules:
            setattr(self, module.__name__.rpartition(".")[2], module)
            for name, value in vars(module).items():
                if isinstance(value, type) and issubclass(
                    value, unittest.TestCase
                ):
                    classes.setdefault(name, []).append(value)
        for name, values in classes.items():
            if len(values) == 1:
                setattr(self, name, values[0])

    def load_tests(
        self,
        loader: unittest.TestLoader,
        tests: unittest.TestSuite,
        pattern: str | None,
    ) -> unittest.TestSuite:
        """Returns the cases of all modules, file by file."""
        del tests, pattern
        return unittest.TestSuite(
            loader.loadTestsFromModule(module) for module in self._modules
        )


def main() -> None:
    """Runs the cases of the files that the command line names."""
    files = [word for word in sys.argv[1:] if word.endswith(".py")]
    sys.argv = [word for word in sys.argv if word not in files]
    modules = [
        importlib.import_module(
            ".".join(pathlib.PurePath(file).with_suffix("").parts)
        )
        for file in files
    ]
    absltest.main(module=Cases(modules))


if __name__ == "__main__":
    main()

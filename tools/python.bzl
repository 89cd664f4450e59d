"""The Python rules of this repository.

All BUILD files load the rules from here, so that what they are made of (today
Bazel's native rules) is the business of this file alone.
"""

# A changed environment makes cached test results stale.
_ENVIRONMENT = ["@python_environment//:packages"]

# One machine takes four times as long as another for the same.
_TIMEOUT = "eternal"

def py_library(name, **kwargs):
    """A module, or a package's `__init__.py`.

    Args:
      name: the module's name, or the package's for an `__init__.py`.
      **kwargs: as Bazel's own `py_library`.
    """
    native.py_library(name = name, **kwargs)

def py_binary(name, **kwargs):
    """A command.

    Args:
      name: the name of the command's module.
      **kwargs: as Bazel's own `py_binary`.
    """
    native.py_binary(name = name, **kwargs)

def py_test(name, size = "small", data = [], **kwargs):
    """A test, run again only if it, its dependencies or packages change.

    Args:
      name: the name of the test's module.
      size: how much the test takes, as in Bazel: `small`, `medium`, `large`.
      data: files that the test reads.
      **kwargs: as Bazel's own `py_test`.
    """
    native.py_test(
        name = name,
        size = size,
        timeout = _TIMEOUT,
        data = data + _ENVIRONMENT,
        **kwargs
    )

def py_tests(name, srcs, size = "small", data = [], **kwargs):
    """Several files of tests in one process, which imports TensorFlow once.

    For files that take no longer than that import. What makes settings for a
    whole process is a `py_test` of its own, and so is what should not wait
    for, nor run with, the others.

    Args:
      name: what the tests have in common, as `small_tests`.
      srcs: the files.
      size: as in `py_test`.
      data: files that the tests read.
      **kwargs: as Bazel's own `py_test`.
    """
    native.py_test(
        name = name,
        size = size,
        timeout = _TIMEOUT,
        srcs = srcs + ["//tools:run_tests.py"],
        main = "//tools:run_tests.py",
        args = ["%s/%s" % (native.package_name(), file) for file in srcs],
        data = data + _ENVIRONMENT,
        **kwargs
    )

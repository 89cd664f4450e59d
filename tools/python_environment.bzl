"""The Python of the virtual environment, as a toolchain for Bazel."""

_BUILD = """\
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")

package(default_visibility = ["//visibility:public"])

exports_files(["packages"])

py_runtime(
    name = "runtime",
    interpreter_path = "{python}",
    python_version = "PY3",
    # Debian has no `python`, which Bazel's own scripts ask for.
    stub_shebang = "#!{python}",
)

py_runtime_pair(
    name = "runtime_pair",
    py3_runtime = ":runtime",
)

toolchain(
    name = "toolchain",
    toolchain = ":runtime_pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

def _python_environment_impl(repository_ctx):
    workspace = repository_ctx.path(Label("//:WORKSPACE")).dirname
    python = workspace.get_child(".venv").get_child("bin").get_child("python")
    if not python.exists:
        fail("no Python environment: run tools/environment, or Bazel " +
             "through ./bazelw, which does")

    # Reading them makes Bazel look here again when they change.
    packages = [
        repository_ctx.read(Label("//:.venv/" + name))
        for name in ("pyvenv.cfg", "installed.txt")
    ]
    repository_ctx.file("packages", "".join(packages), executable = False)
    repository_ctx.file(
        "BUILD",
        _BUILD.format(python = python),
        executable = False,
    )

python_environment = repository_rule(
    implementation = _python_environment_impl,
    doc = """Makes the checkout's .venv the Python of all targets.

    Its `packages` file tells what is installed, for tests to depend on.""",
    local = True,
)

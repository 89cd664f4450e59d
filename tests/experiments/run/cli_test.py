"""How a command tells a user what went wrong."""

import contextlib
import errno
import io
import os
import pathlib
from unittest import mock

import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.run import cli
from tfmeta import errors


class RunTest(parameterized.TestCase):
    def _run(self, error):
        """Returns the exit status and stderr of a command that raises."""
        stderr = io.StringIO()
        with (
            contextlib.redirect_stderr(stderr),
            mock.patch("sys.argv", ["command"]),
            self.assertRaises(SystemExit) as end,
        ):
            cli.run(mock.Mock(side_effect=error))
        return end.exception.code, stderr.getvalue()

    @parameterized.named_parameters(
        ("input", errors.InputError("--ways=0: no"), 1, "error: --ways=0: no"),
        (
            "full_disk",
            OSError(errno.ENOSPC, "No space left on device", "/out/x"),
            1,
            "error: No space left on device: /out/x",
        ),
        (
            "full_disk_unnamed",
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "error: No space left on device; what was saved before is kept",
        ),
        (
            "full_disk_of_tensorflow",
            tf.errors.ResourceExhaustedError(
                None,
                None,
                "{{function_node SaveV2}} /out/x; No space left on device "
                "[Op:SaveV2]",
            ),
            1,
            "error: /out/x; No space left on device",
        ),
        ("interrupt", KeyboardInterrupt(), 130, "error: interrupted; .*"),
    )
    def test_a_mistake_is_one_line(self, error, status, line):
        found_status, stderr = self._run(error)
        self.assertEqual(found_status, status)
        self.assertRegex(stderr, rf"^{line}\n$")

    def test_a_defect_keeps_its_traceback(self):
        with (
            mock.patch("sys.argv", ["command"]),
            self.assertRaises(ZeroDivisionError),
        ):
            cli.run(lambda: 1 // 0)


class CommandLineTest(parameterized.TestCase):
    @parameterized.parameters(
        ("maml", "^error: unexpected argument 'maml'"),
        ("--intra_op_threads=-1", "FATAL.*--intra_op_threads=-1"),
    )
    def test_a_mistake_ends_the_program(self, argument, message):
        stderr = io.StringIO()
        main = mock.Mock()
        with (
            contextlib.redirect_stderr(stderr),
            mock.patch("sys.argv", ["command", argument]),
            self.assertRaises(SystemExit) as end,
        ):
            cli.run(main)
        self.assertEqual(end.exception.code, 1)
        self.assertRegex(stderr.getvalue(), message)
        main.assert_not_called()


class ResolvePathTest(absltest.TestCase):
    def test_it_is_seen_from_where_the_command_was_typed(self):
        typed_in = {"BUILD_WORKING_DIRECTORY": "/home/ada"}
        with mock.patch.dict(os.environ, typed_in):
            self.assertEqual(
                cli.resolve_path("runs/1"), pathlib.Path("/home/ada/runs/1")
            )
            self.assertEqual(
                cli.resolve_path("/runs/1"), pathlib.Path("/runs/1")
            )


if __name__ == "__main__":
    absltest.main()

"""What the commands share: threads, determinism and one-line errors."""

import os
import pathlib
import re
import sys
from collections.abc import Callable, Sequence

import tensorflow as tf
from absl import app, flags, logging

from tfmeta import errors
from tfmeta.training import callbacks

_INTRA_OP_THREADS = flags.DEFINE_integer(
    "intra_op_threads",
    1,
    "Threads of one TensorFlow operation; 0 for one per core.",
    lower_bound=0,
)
_INTER_OP_THREADS = flags.DEFINE_integer(
    "inter_op_threads",
    0,
    "TensorFlow operations, and so tasks, that run side by side; 0 for one "
    "per core.",
    lower_bound=0,
)

# Exit status of a run whose loss became NaN.
DIVERGED = 3


def run(main: Callable[[], None]) -> None:
    """Parses the command line and runs `main`.

    A user's mistake ends the program with one line on stderr and status 1, a
    loss that is NaN with status `DIVERGED`; a defect of the program keeps its
    traceback.
    """

    def guarded(argv: Sequence[str]) -> None:
        logging.set_verbosity(logging.ERROR)
        if len(argv) > 1:
            _fail(f"unexpected argument {argv[1]!r}: flags start with --")
        # One operation per thread and several tasks side by side is the fast
        # way through a meta-batch of small convolutions.
        tf.config.threading.set_intra_op_parallelism_threads(
            _INTRA_OP_THREADS.value or cores()
        )
        tf.config.threading.set_inter_op_parallelism_threads(
            _INTER_OP_THREADS.value or cores()
        )
        tf.config.experimental.enable_op_determinism()
        try:
            main()
        except errors.InputError as error:
            _fail(str(error))
        except callbacks.DivergenceError as error:
            _fail(str(error), DIVERGED)
        except OSError as error:
            # Without a number it is not the system's word but some library's.
            if error.errno is None:
                raise
            _fail(
                f"{error.strerror}: {error.filename}"
                if error.filename
                else f"{error.strerror}; what was saved before is kept"
            )
        except (
            tf.errors.PermissionDeniedError,
            tf.errors.ResourceExhaustedError,
        ) as error:
            # Without the node of the graph, which is TensorFlow's business.
            line = error.message.splitlines()[0]
            _fail(re.sub(r"^{{.*?}} | \[Op:\w+\]$", "", line))
        except KeyboardInterrupt:
            _fail("interrupted; the same command goes on from here", 130)

    app.run(guarded)


def resolve_path(path: str) -> pathlib.Path:
    """Returns `path` as seen from where the user typed the command.

    `bazel run` changes the working folder and tells the first one in
    `BUILD_WORKING_DIRECTORY`.
    """
    typed_in = os.environ.get("BUILD_WORKING_DIRECTORY", ".")
    return pathlib.Path(typed_in, pathlib.Path(path).expanduser())


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _fail(message: str, status: int = 1) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)

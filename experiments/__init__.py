"""Experiments: one command for each table or figure.

Every command imports this package first, which imports TensorFlow without its
chatter. A command's own module therefore imports nothing of TensorFlow before
`experiments`; the order of imports sees to that if it imports none directly.
"""

import os
import sys
import tempfile


def _import_tensorflow_quietly() -> None:
    """Imports TensorFlow with stderr held back, and shown only on failure.

    TensorFlow writes several lines before it heeds TF_CPP_MIN_LOG_LEVEL, from
    C++ and so past `sys.stderr`. Who sets that variable gets everything.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # Looks for a GPU, aloud.
        except BaseException:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


_import_tensorflow_quietly()

"""Shows how far the rendering of a source's images is."""

import sys

import keras

# Seconds between lines. Where lines are kept, as in a log, there are few.
_INTERVAL_ON_TERMINAL = 0.2
_INTERVAL_IN_FILE = 10.0


def rendering_bar(count: int, unit: str) -> keras.utils.Progbar:
    """Returns a bar of progress.

    Args:
        count: how many units there are.
        unit: what is counted, such as "letter".
    """
    return keras.utils.Progbar(
        count,
        unit_name=unit,
        interval=_INTERVAL_ON_TERMINAL
        if sys.stdout.isatty()
        else _INTERVAL_IN_FILE,
    )

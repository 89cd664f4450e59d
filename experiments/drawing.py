"""Where the commands get what draws their pictures."""

from types import ModuleType


def load_pyplot() -> ModuleType:
    """Returns `matplotlib.pyplot`, drawing to files alone.

    It is imported here, for it is the slowest import of a run's start.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot

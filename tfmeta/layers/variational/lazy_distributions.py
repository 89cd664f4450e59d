"""`tensorflow_probability.distributions`, imported when it is first used.

The import takes most of a second, which a program with no posterior anywhere
need not wait for.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Returns a distribution, or whatever else the module has."""
    from tensorflow_probability import distributions

    return getattr(distributions, name)

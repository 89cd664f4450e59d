"""`tensorflow_probability.distributions`, imported when it is first used.

The import takes most of a second. So a program without posteriors need not wait
for it.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Returns a distribution, or another attribute of the module."""
    from tensorflow_probability import distributions

    return getattr(distributions, name)

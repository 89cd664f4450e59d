"""Meta-learning and multi-task learning for TensorFlow and Keras.

The subpackages load when they are first used: `import tfmeta` is enough for
`tfmeta.learners.MAML`, and a program that only needs a layer does not wait for
the data sources.
"""

import importlib
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfmeta import (
        environments,
        errors,
        export,
        functional,
        gradients,
        layers,
        learners,
        multitask,
        networks,
        optimizers,
        regularizers,
        rl,
        tasks,
        training,
        weightings,
    )

__version__ = "0.1.0"

__all__ = [
    "environments",
    "errors",
    "export",
    "functional",
    "gradients",
    "layers",
    "learners",
    "multitask",
    "networks",
    "optimizers",
    "regularizers",
    "rl",
    "tasks",
    "training",
    "weightings",
]


def __getattr__(name: str) -> types.ModuleType:
    """Imports a subpackage at its first use (PEP 562)."""
    if name in __all__:
        return importlib.import_module(f"tfmeta.{name}")
    raise AttributeError(f"module 'tfmeta' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Lists the subpackages, for tab completion."""
    return sorted([*globals(), *__all__])

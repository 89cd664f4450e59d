"""What Meta-World computes with, faster for the few numbers that it has.

Each gives the same bits as what it replaces, where it does not leave the work
to that.
"""

import math
import types
from typing import Any

import numpy as np
from metaworld.utils import reward_utils

# `1 / ((x * scale)^2 + 1)` is 0.1 at 1.
_LONG_TAIL_SCALE = float(np.sqrt(1 / 0.1 - 1))


def tolerance(
    x: Any,
    bounds: tuple[float, float] = (0.0, 0.0),
    margin: Any = 0.0,
    sigmoid: str = "gaussian",
    value_at_margin: float = 0.1,
) -> Any:
    """Replaces `reward_utils.tolerance`; its long tail is computed here."""
    if not (
        isinstance(x, float)  # NumPy's float64 is one, its float32 is not.
        and isinstance(margin, float)
        and sigmoid == "long_tail"
        and value_at_margin == 0.1
        and margin > 0
    ):
        return reward_utils.tolerance(
            x, bounds, margin, sigmoid, value_at_margin
        )
    lower, upper = bounds
    if lower <= x <= upper:
        return 1.0
    distance = float((lower - x if x < lower else x - upper) / margin)
    return 1 / ((distance * _LONG_TAIL_SCALE) ** 2 + 1)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False):
    """Replaces `numpy.linalg.norm`; a vector's, a number's is computed here."""
    if axis is None and not keepdims:
        if type(x) is np.ndarray:
            if ord in (None, 2) and x.ndim == 1 and x.dtype == np.float64:
                return np.sqrt(x.dot(x))
        elif ord is None and isinstance(x, float):
            return np.sqrt(x * x)
    return np.linalg.norm(x, ord, axis, keepdims)


def hstack(parts: Any) -> np.ndarray:
    """Replaces `numpy.hstack`; that of numbers is made here."""
    if all(type(part) is np.float64 for part in parts):
        return np.array(parts)
    return np.hstack(parts)


class Rotation:
    """Replaces `scipy.spatial.transform.Rotation`, for one matrix."""

    def __init__(self, matrix: np.ndarray):
        self._matrix = matrix

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> "Rotation":
        """Takes a rotation matrix, `[3, 3]`."""
        return cls(matrix)

    def as_quat(self) -> np.ndarray:
        """Returns its quaternion, `[4]`, the scalar last."""
        (a, b, c), (d, e, f), (g, h, i) = self._matrix.tolist()
        trace = a + e + i
        # Of the four formulas the one that divides by the most.
        most = max(a, e, i, trace)
        if most == a:
            q = (1 - trace + 2 * a, d + b, g + c, h - f)
        elif most == e:
            q = (d + b, 1 - trace + 2 * e, h + f, c - g)
        elif most == i:
            q = (g + c, h + f, 1 - trace + 2 * i, d - b)
        else:
            q = (h - f, c - g, d - b, 1 + trace)
        x, y, z, w = q
        length = math.sqrt(x * x + y * y + z * z + w * w)
        return np.array([x / length, y / length, z / length, w / length])


def _replaced(module: types.ModuleType, **members: Any) -> Any:
    return types.SimpleNamespace(**(vars(module) | members))


# By the names under which the package's modules import them.
REPLACEMENTS = {
    "Rotation": Rotation,
    "np": _replaced(np, hstack=hstack, linalg=_replaced(np.linalg, norm=norm)),
    "reward_utils": _replaced(reward_utils, tolerance=tolerance),
}

"""Surfaces of triangles."""

from typing import NamedTuple

import numpy as np

from tfmeta import errors


class MeshError(errors.InputError):
    """A mesh that cannot be read or rendered; the message does not name it."""


class Mesh(NamedTuple):
    """A surface of triangles.

    Attributes:
        vertices: float64 `[V, 3]`, x, y and z; z is up.
        triangles: int32 `[F, 3]`, the vertices of each.
    """

    vertices: np.ndarray
    triangles: np.ndarray


def normalize(mesh: Mesh) -> Mesh:
    """Returns a mesh that stands on z = 0, centred, its longest side 1.

    Raises:
        MeshError: if the mesh has no extent.
    """
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    with np.errstate(over="ignore"):  # To infinity, which is refused.
        side = (high - low).max()
    if not 0 < side < np.inf:
        raise MeshError(f"its longest side is {side}")
    origin = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    return mesh._replace(vertices=(mesh.vertices - origin) / side)

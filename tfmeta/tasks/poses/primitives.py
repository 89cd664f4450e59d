"""The parts of composed objects."""

from typing import NamedTuple

# MuJoCo's numbers of its primitives.
PRIMITIVES = {"capsule": 3, "ellipsoid": 4, "cylinder": 5, "box": 6}


class Part(NamedTuple):
    """A primitive of a composed object, in the object's coordinates.

    Attributes:
        primitive: one of `PRIMITIVES`.
        size: half its extent in x, y and z; of a capsule or cylinder, which
            stand upright unless turned, the radius and half the length, and
            0. A capsule has half spheres beyond its length.
        position: of its centre.
        rotation: a unit quaternion, w first.
        grey: how bright it is, 0 to 1.
    """

    primitive: str
    size: tuple[float, float, float]
    position: tuple[float, float, float]
    rotation: tuple[float, float, float, float]
    grey: float

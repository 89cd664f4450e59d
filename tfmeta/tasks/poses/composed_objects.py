"""Objects composed of MuJoCo's primitives, in place of CAD models."""

from collections.abc import Sequence

import numpy as np

from tfmeta.tasks.poses import primitives

# To be changed with anything below that changes an object.
VERSION = 1

# Objects are compared by the volumes that they fill: the volume of their
# intersection over that of their union. For an object and itself turned by 30
# degrees or more, and for two objects in any orientation, it is at most:
_MAX_SELF_OVERLAP = 0.6
_MAX_OVERLAP = 0.7
_TURNS = 48  # In a full turn.
_MIN_TURNS = _TURNS * 30 // 360

# The volumes are sampled at these radii and heights, in each turn.
_RADII = (np.arange(10) + 0.5) / 14
_HEIGHTS = (np.arange(14) + 0.5) / 14

_Object = tuple[primitives.Part, ...]


def compose_objects(count: int) -> list[_Object]:
    """Returns objects that differ, and have no symmetry about the vertical.

    An object is a body with three to six smaller parts on it, of random kinds,
    sizes, places and shades. It stands on z = 0, centred, its longest side 1.

    Args:
        count: how many. With more objects the first are the same.

    Returns:
        The parts of each.
    """
    objects: list[_Object] = []
    volumes: list[np.ndarray] = []
    number = 0
    while len(objects) < count:
        candidate = _compose(np.random.default_rng([VERSION, number]))
        number += 1
        volume = fill(candidate)
        others = overlaps(volume, volume)[_MIN_TURNS : 1 - _MIN_TURNS]
        if max(others) <= _MAX_SELF_OVERLAP and all(
            max(overlaps(volume, other)) <= _MAX_OVERLAP for other in volumes
        ):
            objects.append(candidate)
            volumes.append(volume)
    return objects


def fill(parts: Sequence[primitives.Part]) -> np.ndarray:
    """Returns where an object is: bool, `[turns, radii, heights]`."""
    angle, radius, height = np.meshgrid(
        2 * np.pi * np.arange(_TURNS) / _TURNS, _RADII, _HEIGHTS, indexing="ij"
    )
    points = np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), height], -1
    )
    return np.any([_is_inside(part, points) for part in parts], 0)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns how alike two objects are, for each turn of the second.

    Args:
        first: where an object is, see `fill`.
        second: where another is.

    Returns:
        For each number of turns the volume of the intersection over that of
        the union, 0 to 1.
    """
    # The volume around a point is proportional to its radius.
    weights = _RADII[:, np.newaxis]
    either = ((first * weights).sum() + (second * weights).sum())[np.newaxis]
    # A circular correlation gives the intersections for all turns at once.
    spectrum = np.fft.rfft(first * weights, axis=0)
    common = np.fft.irfft(
        (spectrum * np.fft.rfft(second, axis=0).conj()).sum((1, 2)), _TURNS
    )
    return common / (either - common)


def _compose(rng: np.random.Generator) -> _Object:
    half_sides = rng.uniform([0.3, 0.12, 0.08], [0.5, 0.3, 0.2])
    parts = [_part(rng, half_sides, np.zeros(3), tilt=0.0, yaw=0.0)]
    for _ in range(rng.integers(3, 7)):
        # From the body's middle to beyond its edge, more often up than down.
        direction = rng.uniform(-np.pi, np.pi)
        place = rng.uniform(0.3, 1.1) * half_sides
        place *= [np.cos(direction), np.sin(direction), 0.0]
        place[2] = rng.uniform(-0.5, 1.5) * half_sides[2]
        parts.append(
            _part(
                rng,
                rng.uniform(0.05, [0.2, 0.2, 0.35]),
                place,
                tilt=rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi / 2)]),
                yaw=rng.uniform(-np.pi, np.pi),
            )
        )
    return _normalized(parts)


def _part(
    rng: np.random.Generator,
    half_sides: np.ndarray,
    place: np.ndarray,
    *,
    tilt: float,
    yaw: float,
) -> primitives.Part:
    primitive = str(rng.choice(list(primitives.PRIMITIVES)))
    size = half_sides.tolist()
    if primitive in ("capsule", "cylinder"):
        size = [size[0] / 2, size[2], 0.0]
    # A turn about x, then about z.
    tilted, yawed = np.exp(0.5j * np.array([tilt, yaw]))
    return primitives.Part(
        primitive,
        tuple(size),
        tuple(place.tolist()),
        (
            float(yawed.real * tilted.real),
            float(yawed.real * tilted.imag),
            float(yawed.imag * tilted.imag),
            float(yawed.imag * tilted.real),
        ),
        float(rng.uniform(0.5, 1.0)),
    )


def _normalized(parts: Sequence[primitives.Part]) -> _Object:
    places = np.array([part.position for part in parts])
    extents = np.array([_extent(part) for part in parts])
    low, high = (places - extents).min(0), (places + extents).max(0)
    scale = 1 / (high - low).max()
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return tuple(
        part._replace(
            size=tuple(scale * side for side in part.size),
            position=tuple((scale * (place - origin)).tolist()),
        )
        for part, place in zip(parts, places, strict=True)
    )


def _extent(part: primitives.Part) -> np.ndarray:
    """Returns how far a part reaches from its centre along x, y and z."""
    turned = _matrix(part.rotation)
    if part.primitive == "box":
        return np.abs(turned) @ part.size
    if part.primitive == "ellipsoid":
        return np.sqrt(turned**2 @ np.square(part.size))
    radius, half_length, _ = part.size
    along = np.abs(turned[:, 2])
    if part.primitive == "capsule":
        return half_length * along + radius
    # Rounding makes a cosine larger than 1.
    across = np.sqrt(np.maximum(1 - along**2, 0))
    return half_length * along + radius * across


def _is_inside(part: primitives.Part, points: np.ndarray) -> np.ndarray:
    # In the part's own coordinates, as if it were at the origin and upright.
    x, y, z = np.moveaxis(
        (points - part.position) @ _matrix(part.rotation), -1, 0
    )
    if part.primitive == "box":
        return (np.abs(np.stack([x, y, z], -1)) <= part.size).all(-1)
    if part.primitive == "ellipsoid":
        return (np.square(np.stack([x, y, z], -1) / part.size)).sum(-1) <= 1
    radius, half_length, _ = part.size
    beyond = np.maximum(np.abs(z) - half_length, 0)
    if part.primitive == "capsule":
        return x**2 + y**2 + beyond**2 <= radius**2
    return (x**2 + y**2 <= radius**2) & (beyond == 0)


def _matrix(quaternion: Sequence[float]) -> np.ndarray:
    """Returns the rotation matrix `[3, 3]` of a unit quaternion."""
    w, x, y, z = quaternion
    vector = np.array([x, y, z])
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (
        (w**2 - vector @ vector) * np.eye(3)
        + 2 * np.outer(vector, vector)
        + 2 * w * cross
    )

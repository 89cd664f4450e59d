"""Where azimuth 0 of an object is."""

import dataclasses
import hashlib

import numpy as np

from tfmeta.tasks.poses import pose_objects

# See `load_pose`.
CANONICALS = ("random", "model")


def draw_orientation(name: str) -> tuple[float, np.random.Generator]:
    """Draws how far an object's azimuth 0 is from where its model faces.

    Args:
        name: the object's. The orientation depends on it alone, not on which
            other objects there are.

    Returns:
        Radians, 0 to 2 pi, and the generator for the object's further draws.
    """
    digest = hashlib.sha256(name.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    return rng.uniform(0, 2 * np.pi), rng


def as_modelled(objects: pose_objects.PoseObjects) -> pose_objects.PoseObjects:
    """Returns objects with azimuth 0 where their models face.

    Args:
        objects: with azimuth 0 where `draw_orientation` has it.
    """
    canonical = [draw_orientation(name)[0] for name in objects.names]
    azimuths = objects.azimuths + np.array(canonical)[:, np.newaxis]
    return dataclasses.replace(objects, azimuths=azimuths % (2 * np.pi))

"""Objects and checks for the tests of poses."""

import numpy as np
from absl.testing import absltest

from tfmeta import errors
from tfmeta.tasks.poses import (
    backends,
    meshes,
    pose_objects,
    primitives,
    rendering,
)

BOX = primitives.Part(
    "box", (0.5, 0.2, 0.25), (0.0, 0.0, 0.25), (1.0, 0.0, 0.0, 0.0), 1.0
)

# OFF text.
TETRAHEDRON = """OFF
4 4 6
0 0 0
1 0 0
0 1 0
0 0 1
3 0 2 1
3 0 1 3
3 0 3 2
3 1 2 3
"""

# OFF text, with a height to fill in: it lies on its long side and rises to one
# end, so that it has no symmetry about the vertical.
WEDGE = """OFF
5 6 0
-1 -0.3 0
1 -0.3 0
1 0.1 0
-1 0.4 0
-0.8 0.1 {height}
4 0 3 2 1
3 0 1 4
3 1 2 4
3 2 3 4
3 3 0 4
3 0 1 4
"""


def box(x, y, z, low=(0.0, 0.0, 0.0)):
    """Returns a box from `low` on, its faces counterclockwise from outside."""
    corners = np.array(
        [[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float
    )
    quads = [
        [0, 1, 3, 2],
        [4, 6, 7, 5],
        [0, 4, 5, 1],
        [2, 3, 7, 6],
        [0, 2, 6, 4],
        [1, 5, 7, 3],
    ]
    triangles = [
        triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))
    ]
    return meshes.Mesh(corners * [x, y, z] + low, np.array(triangles, np.int32))


def coded_objects(num_objects, renders):
    """Objects whose images and azimuths encode their numbers."""
    objects, numbers = np.mgrid[:num_objects, :renders]
    images = np.zeros([num_objects, renders, 2, 2, 1], np.uint8)
    images[..., 0, 0, 0] = objects
    images[..., 0, 1, 0] = numbers
    azimuths = 2 * np.pi * (objects * renders + numbers) / objects.size / 1.01
    return pose_objects.PoseObjects(
        images, azimuths, [f"object{i}" for i in range(num_objects)]
    )


def require_backend():
    """Skips a test where no library to render through loads.

    The library of EGL may be there without a driver; that of OSMesa is all
    there is to it, so that it has to work.
    """
    try:
        if backends.choose_backend() == "egl":
            with rendering.Renderer(16) as renderer:
                renderer.render([BOX], np.zeros(1))
    except errors.InputError as error:
        raise absltest.SkipTest(str(error)) from error

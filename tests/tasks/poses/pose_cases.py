"""What the tests that render have in common."""

import numpy as np
from absl.testing import absltest

from tfmeta import errors
from tfmeta.tasks.poses import rendering

BOX = rendering.Part(
    "box", (0.5, 0.2, 0.25), (0.0, 0.0, 0.25), (1.0, 0.0, 0.0, 0.0), 1.0
)

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


def require_backend():
    """Skips a test where no library to render through loads.

    The library of EGL may be there without a driver; that of OSMesa is all
    there is to it, so that it has to work.
    """
    try:
        if rendering.choose_backend() == "egl":
            with rendering.Renderer(16) as renderer:
                renderer.render([BOX], np.zeros(1))
    except errors.InputError as error:
        raise absltest.SkipTest(str(error)) from error

import contextlib
import os
import sys
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta import errors
from tfmeta.tasks.poses import off_meshes, rendering

SIZE = 64


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
    return off_meshes.Mesh(
        corners * [x, y, z] + low, np.array(triangles, np.int32)
    )


def joined(*meshes):
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    return off_meshes.Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [
                mesh.triangles + np.int32(start)
                for mesh, start in zip(meshes, starts[:-1], strict=True)
            ]
        ),
    )


# An L with a tower at one end: no symmetry about the vertical.
CHIRAL = rendering.normalize(
    joined(
        box(1.0, 0.2, 0.2, (-0.5, -0.1, 0.0)),
        box(0.2, 0.4, 0.2, (0.3, 0.1, 0.0)),
        box(0.2, 0.2, 0.3, (-0.5, -0.1, 0.2)),
    )
)


def turned(mesh, angle):
    """Returns the mesh turned counterclockwise as seen from above."""
    sine, cosine = np.sin(angle), np.cos(angle)
    matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return mesh._replace(vertices=mesh.vertices @ matrix.T)


def projected(points):
    """Returns pixel coordinates, right and down, of a pinhole camera.

    It looks at (0, 0, .35) along +y and 45 degrees down from 2.3 away, with a
    field of view of 45 degrees.
    """
    forward = np.array([0, 1, -1]) / np.sqrt(2)
    up = np.array([0, 1, 1]) / np.sqrt(2)
    seen = points - (np.array([0, 0, 0.35]) - 2.3 * forward)
    depth = seen @ forward * np.tan(np.pi / 8)
    return (
        SIZE / 2 * np.stack([1 + seen[:, 0] / depth, 1 - seen @ up / depth], -1)
    )


def mask(image):
    """Returns where the object is: all but the table."""
    return np.abs(image.astype(int) - int(image[0, 0])) > 3


class RendererTest(parameterized.TestCase):
    renderer: rendering.Renderer

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pose_cases.require_backend()
        cls.renderer = rendering.Renderer(SIZE)
        cls.addClassCleanup(cls.renderer.close)

    def test_turning_the_mesh_is_rendering_at_an_azimuth(self):
        angles = np.array([0.3, 1.9, 4.0, 5.5])
        images = self.renderer.render(CHIRAL, angles).astype(int)
        for angle, image in zip(angles, images, strict=True):
            (other,) = self.renderer.render(
                turned(CHIRAL, angle), np.zeros(1)
            ).astype(int)
            self.assertLess(np.abs(image - other).mean(), 0.2)
        # What a wrong sign would do.
        (wrong,) = self.renderer.render(turned(CHIRAL, -0.3), np.zeros(1))
        self.assertGreater(np.abs(images[0] - wrong).mean(), 2.0)

    @parameterized.parameters(0.0, 0.5, 2.0)
    def test_silhouette_is_that_of_a_pinhole_camera(self, angle):
        shape = rendering.normalize(box(1.0, 0.4, 0.5))
        (image,) = self.renderer.render(shape, np.array([angle]))
        rows, columns = np.nonzero(mask(image))
        corners = projected(turned(shape, angle).vertices)
        np.testing.assert_allclose(
            [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1],
            np.stack([corners.min(0), corners.max(0)], 1).ravel(),
            atol=1.0,
        )

    def test_parts_look_like_the_mesh_of_them(self):
        angles = np.array([0.4, 3.0])
        parts = self.renderer.render([pose_cases.BOX], angles).astype(int)
        mesh = self.renderer.render(
            rendering.normalize(box(1.0, 0.4, 0.5)), angles
        )
        self.assertLess(np.abs(parts - mesh).mean(), 0.2)

    def test_a_part_s_rotation_grey_and_kind_show(self):
        one = pose_cases.BOX
        angle = 0.7
        rotation = (np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2))
        (at_angle,) = self.renderer.render([one], np.array([angle]))
        (itself,) = self.renderer.render(
            [one._replace(rotation=rotation)], np.zeros(1)
        )
        self.assertLess(np.abs(at_angle.astype(int) - itself).mean(), 0.2)
        (dark,) = self.renderer.render([one._replace(grey=0.5)], np.zeros(1))
        (bright,) = self.renderer.render([one], np.zeros(1))
        self.assertAlmostEqual(dark.max() / bright.max(), 0.5, delta=0.1)
        areas = {
            kind: mask(
                self.renderer.render(
                    [one._replace(primitive=kind, size=(0.3, 0.25, 0.2))],
                    np.zeros(1),
                )[0]
            ).sum()
            for kind in rendering.PRIMITIVES
        }
        self.assertLen(set(areas.values()), 4)

    @parameterized.parameters(0.0, 0.8)
    def test_every_normalized_object_fits_into_the_image(self, angle):
        for sides in ((1, 0.01, 1), (1, 1, 0.01), (1, 1, 0.5), (0.6, 0.6, 1)):
            (image,) = self.renderer.render(
                rendering.normalize(box(*sides)), np.array([angle])
            )
            rim = mask(image)
            rim[1:-1, 1:-1] = False
            self.assertFalse(rim.any(), sides)

    def test_objects_do_not_depend_on_what_came_before(self):
        first = self.renderer.render(CHIRAL, np.arange(3))
        self.renderer.render(rendering.normalize(box(1, 1, 1)), np.ones(1))
        np.testing.assert_array_equal(
            first, self.renderer.render(CHIRAL, np.arange(3))
        )
        with rendering.Renderer(SIZE) as other:
            np.testing.assert_array_equal(
                first, other.render(CHIRAL, np.arange(3))
            )

    def test_what_mujoco_refuses_is_an_error_of_one_line(self):
        flat = off_meshes.Mesh(
            np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]),
            np.array([[0, 1, 2]], np.int32),
        )
        with self.assertRaisesRegex(off_meshes.MeshError, "MuJoCo: .*vert"):
            self.renderer.render(flat, np.zeros(1))
        # It goes on.
        self.assertEqual(
            self.renderer.render(CHIRAL, np.zeros(2)).shape, (2, SIZE, SIZE)
        )

    def test_a_crash_is_an_error_of_one_line(self):
        with rendering.Renderer(SIZE) as renderer:
            renderer.render(CHIRAL, np.zeros(1))
            worker = renderer._worker
            assert worker is not None
            worker._process.kill()
            with self.assertRaisesRegex(off_meshes.MeshError, "SIGKILL"):
                renderer.render(CHIRAL, np.zeros(1))
            self.assertEqual(
                renderer.render(CHIRAL, np.zeros(1)).shape, (1, SIZE, SIZE)
            )

    def test_a_library_that_does_not_work_is_an_error_of_one_line(self):
        backend = rendering.choose_backend()
        package = rendering.BACKENDS[backend][1]
        with (
            mock.patch.object(rendering.render_worker, "__file__", "absent"),
            rendering.Renderer(SIZE, backend=backend) as renderer,
            self.assertRaisesRegex(
                errors.InputError, f"^backend: .*{backend}.*{package}"
            ) as caught,
        ):
            renderer.render(CHIRAL, np.zeros(1))
        self.assertNotIn("\n", str(caught.exception))

    def test_nothing_is_loaded_into_this_process(self):
        self.renderer.render(CHIRAL, np.zeros(1))
        self.assertNotIn("mujoco", sys.modules)
        self.assertNotIn("OpenGL", sys.modules)


class NormalizeTest(parameterized.TestCase):
    def test_stands_on_the_ground_centred_with_a_longest_side_of_1(self):
        mesh = rendering.normalize(box(2, 8, 4, low=(5, 6, 7)))
        np.testing.assert_allclose(mesh.vertices.min(0), [-0.125, -0.5, 0.0])
        np.testing.assert_allclose(mesh.vertices.max(0), [0.125, 0.5, 0.5])

    @parameterized.parameters(0.0, 1e308)
    def test_extent_that_is_none_is_refused(self, side):
        mesh = box(2.0, 0.0, 0.0, low=(-1.0, 0.0, 0.0))
        mesh = mesh._replace(vertices=side * mesh.vertices)
        with self.assertRaisesRegex(off_meshes.MeshError, "longest side"):
            rendering.normalize(mesh)


class ChooseBackendTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("both", ["OSMesa", "EGL"], "", None, "osmesa"),
        ("egl_alone", ["EGL"], "", None, "egl"),
        ("given", ["OSMesa", "EGL"], "osmesa", "egl", "egl"),
        ("mujoco_gl", ["OSMesa", "EGL"], "EGL", None, "egl"),
        ("mujoco_gl_of_a_window", ["OSMesa", "EGL"], "glfw", None, "osmesa"),
    )
    def test_choice(self, libraries, variable, given, expected):
        with self.environment(libraries, variable):
            self.assertEqual(rendering.choose_backend(given), expected)

    @parameterized.named_parameters(
        ("none", [], "", None, "libosmesa6 or libegl1$"),
        (
            "osmesa",
            ["EGL"],
            "",
            "osmesa",
            "OSMesa.*apt-get install libosmesa6$",
        ),
        ("egl", ["OSMesa"], "egl", None, "EGL.*apt-get install libegl1$"),
        ("unknown", ["OSMesa"], "", "glfw", "osmesa, egl, got 'glfw'"),
    )
    def test_missing_library_is_named_with_its_package(
        self, libraries, variable, given, expected
    ):
        with (
            self.environment(libraries, variable),
            self.assertRaisesRegex(
                errors.InputError, f"^backend: .*{expected}"
            ),
        ):
            rendering.choose_backend(given)

    @contextlib.contextmanager
    def environment(self, libraries, variable):
        with (
            mock.patch.dict(os.environ, MUJOCO_GL=variable),
            mock.patch(
                "ctypes.util.find_library", lambda name: name in libraries
            ),
        ):
            yield


if __name__ == "__main__":
    absltest.main()

import sys
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta import errors
from tfmeta.tasks.poses import backends, meshes, primitives, rendering

SIZE = 64


def joined(*parts):
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in parts])
    return meshes.Mesh(
        np.concatenate([mesh.vertices for mesh in parts]),
        np.concatenate(
            [
                mesh.triangles + np.int32(start)
                for mesh, start in zip(parts, starts[:-1], strict=True)
            ]
        ),
    )


# An L with a tower at one end: no symmetry about the vertical.
CHIRAL = meshes.normalize(
    joined(
        pose_cases.box(1.0, 0.2, 0.2, (-0.5, -0.1, 0.0)),
        pose_cases.box(0.2, 0.4, 0.2, (0.3, 0.1, 0.0)),
        pose_cases.box(0.2, 0.2, 0.3, (-0.5, -0.1, 0.2)),
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
        # With a wrong sign the images would differ.
        (wrong,) = self.renderer.render(turned(CHIRAL, -0.3), np.zeros(1))
        self.assertGreater(np.abs(images[0] - wrong).mean(), 2.0)

    @parameterized.parameters(0.0, 0.5, 2.0)
    def test_silhouette_is_that_of_a_pinhole_camera(self, angle):
        shape = meshes.normalize(pose_cases.box(1.0, 0.4, 0.5))
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
            meshes.normalize(pose_cases.box(1.0, 0.4, 0.5)), angles
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
            for kind in primitives.PRIMITIVES
        }
        self.assertLen(set(areas.values()), 4)

    @parameterized.parameters(0.0, 0.8)
    def test_every_normalized_object_fits_into_the_image(self, angle):
        for sides in ((1, 0.01, 1), (1, 1, 0.01), (1, 1, 0.5), (0.6, 0.6, 1)):
            (image,) = self.renderer.render(
                meshes.normalize(pose_cases.box(*sides)), np.array([angle])
            )
            rim = mask(image)
            rim[1:-1, 1:-1] = False
            self.assertFalse(rim.any(), sides)

    def test_objects_do_not_depend_on_what_came_before(self):
        first = self.renderer.render(CHIRAL, np.arange(3))
        self.renderer.render(
            meshes.normalize(pose_cases.box(1, 1, 1)), np.ones(1)
        )
        np.testing.assert_array_equal(
            first, self.renderer.render(CHIRAL, np.arange(3))
        )
        with rendering.Renderer(SIZE) as other:
            np.testing.assert_array_equal(
                first, other.render(CHIRAL, np.arange(3))
            )

    def test_what_mujoco_refuses_is_an_error_of_one_line(self):
        flat = meshes.Mesh(
            np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]),
            np.array([[0, 1, 2]], np.int32),
        )
        with self.assertRaisesRegex(meshes.MeshError, "MuJoCo: .*vert"):
            self.renderer.render(flat, np.zeros(1))
        # The renderer can be used further.
        self.assertEqual(
            self.renderer.render(CHIRAL, np.zeros(2)).shape, (2, SIZE, SIZE)
        )

    def test_a_crash_is_an_error_of_one_line(self):
        with rendering.Renderer(SIZE) as renderer:
            renderer.render(CHIRAL, np.zeros(1))
            worker = renderer._worker
            assert worker is not None
            worker._process.kill()
            with self.assertRaisesRegex(meshes.MeshError, "SIGKILL"):
                renderer.render(CHIRAL, np.zeros(1))
            self.assertEqual(
                renderer.render(CHIRAL, np.zeros(1)).shape, (1, SIZE, SIZE)
            )

    def test_a_library_that_does_not_work_is_an_error_of_one_line(self):
        backend = backends.choose_backend()
        package = backends.BACKENDS[backend][1]
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


if __name__ == "__main__":
    absltest.main()

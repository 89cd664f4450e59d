import numpy as np
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta.tasks.poses import meshes


class NormalizeTest(parameterized.TestCase):
    def test_stands_on_the_ground_centred_with_a_longest_side_of_1(self):
        mesh = meshes.normalize(pose_cases.box(2, 8, 4, low=(5, 6, 7)))
        np.testing.assert_allclose(mesh.vertices.min(0), [-0.125, -0.5, 0.0])
        np.testing.assert_allclose(mesh.vertices.max(0), [0.125, 0.5, 0.5])

    @parameterized.parameters(0.0, 1e308)
    def test_extent_that_is_none_is_refused(self, side):
        mesh = pose_cases.box(2.0, 0.0, 0.0, low=(-1.0, 0.0, 0.0))
        mesh = mesh._replace(vertices=side * mesh.vertices)
        with self.assertRaisesRegex(meshes.MeshError, "longest side"):
            meshes.normalize(mesh)


if __name__ == "__main__":
    absltest.main()

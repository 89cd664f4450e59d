import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites

N = 500


class FastMathTest(parameterized.TestCase):
    """Equal means equal bits and, where arithmetic depends on it, types."""

    def setUp(self):
        super().setUp()
        prerequisites.package("metaworld")
        from tfmeta.environments.metaworld import fast_math

        self.fast_math = fast_math
        self.generator = np.random.default_rng(0)

    def assert_same(self, ours, theirs):
        self.assertEqual(ours, theirs)
        self.assertIs(type(ours), type(theirs))

    def test_quaternions_are_scipy_s(self):
        from scipy.spatial import transform

        # Near the axes, too, where one of the formulas divides by nearly 0.
        vectors = self.generator.normal(size=[N, 3]) * np.pi
        vectors[::2] = np.round(vectors[::2])
        vectors[1::4, :2] = 0
        for matrix in transform.Rotation.from_rotvec(vectors).as_matrix():
            np.testing.assert_array_equal(
                self.fast_math.Rotation.from_matrix(matrix).as_quat(),
                transform.Rotation.from_matrix(matrix).as_quat(),
            )

    @parameterized.parameters("long_tail", "gaussian", "hyperbolic")
    def test_tolerance_is_the_package_s(self, sigmoid):
        from metaworld.utils import reward_utils

        kinds = [float, np.float64, np.float32]
        for x, low, width, margin in self.generator.normal(size=[N, 4]):
            kind = kinds[self.generator.integers(3)]
            arguments = {
                "bounds": (low, low + abs(width)),
                "margin": kinds[self.generator.integers(3)](abs(margin)),
                "sigmoid": sigmoid,
            }
            self.assert_same(
                self.fast_math.tolerance(kind(x), **arguments),
                reward_utils.tolerance(kind(x), **arguments),
            )

    @parameterized.parameters(0.0, -1.0)
    def test_what_it_does_not_do_the_package_does(self, margin):
        from metaworld.utils import reward_utils

        def result(function):
            try:
                return function(
                    2.0, (0.0, 1.0), margin=margin, sigmoid="long_tail"
                )
            except ValueError as error:
                return str(error)

        self.assertEqual(
            result(self.fast_math.tolerance), result(reward_utils.tolerance)
        )

    def test_norms_are_numpy_s(self):
        for x in self.generator.normal(size=[N, 5]):
            for part in (x, x[:3], x[::2], x[2], float(x[1])):
                self.assert_same(
                    self.fast_math.norm(part), np.linalg.norm(part)
                )
            self.assert_same(
                self.fast_math.norm(x, ord=2), np.linalg.norm(x, ord=2)
            )
        for x in (np.arange(3), np.ones(3, np.float32), 4):
            self.assert_same(self.fast_math.norm(x), np.linalg.norm(x))
        square = np.ones([2, 2])
        np.testing.assert_array_equal(
            self.fast_math.norm(square, axis=0), np.linalg.norm(square, axis=0)
        )

    def test_stacks_are_numpy_s(self):
        x = self.generator.normal(size=4)
        for parts in ((x[0], x[1]), (x, x[:2]), (x[0], x), (np.float32(1), 2)):
            ours, theirs = self.fast_math.hstack(parts), np.hstack(parts)
            np.testing.assert_array_equal(ours, theirs)
            self.assertEqual(ours.dtype, theirs.dtype)


if __name__ == "__main__":
    absltest.main()

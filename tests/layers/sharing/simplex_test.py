import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.layers.sharing import simplex


def _project(values, minimum):
    """Projects to the simplex by bisection."""
    low, high = values.min() - 2, values.max() + 2
    for _ in range(200):
        middle = (low + high) / 2
        if np.maximum(values - middle, minimum).sum() > 1:
            low = middle
        else:
            high = middle
    return np.maximum(values - low, minimum)


class SimplexTest(parameterized.TestCase):
    @parameterized.product(
        size=(1, 2, 20), minimum=(0.0, 0.01), scale=(1e-3, 1.0, 100.0)
    )
    def test_is_the_nearest_distribution(self, size, minimum, scale):
        values = scale * np.random.default_rng(0).normal(size=(30, size))
        projected = simplex.project_to_simplex(
            tf.constant(values), minimum
        ).numpy()
        np.testing.assert_allclose(projected.sum(-1), 1, rtol=1e-9)
        self.assertGreaterEqual(projected.min(), minimum - 1e-12)
        for row, given in zip(projected, values, strict=True):
            np.testing.assert_allclose(row, _project(given, minimum), atol=1e-9)

    def test_leaves_distributions_alone(self):
        rows = np.random.default_rng(0).dirichlet(np.ones(5), 10)
        np.testing.assert_allclose(
            simplex.project_to_simplex(tf.constant(rows)), rows, rtol=1e-9
        )


if __name__ == "__main__":
    absltest.main()

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import episode, errors
from tfmeta.tasks import sinusoid


def take(count, **arguments):
    """Returns `count` tasks, with a leading task axis, as NumPy arrays."""
    return next(
        sinusoid.sample_sinusoids(**arguments).batch(count).as_numpy_iterator()
    )


def ids_of(x):
    return x[..., 1:].argmax(-1)


def amplitudes_of(drawn):
    """Estimates each task's amplitude by least squares on its queries."""
    sine = np.sin(drawn.query_x[..., 0])
    return (sine * drawn.query_y[..., 0]).sum(1) / (sine**2).sum(1)


def assert_same(first, second):
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


class SampleSinusoidsTest(parameterized.TestCase):
    def test_elements_are_episodes_of_known_shape(self):
        dataset = sinusoid.sample_sinusoids(shots=5, queries=7)
        self.assertEqual(dataset.cardinality(), tf.data.INFINITE_CARDINALITY)
        self.assertIsInstance(dataset.element_spec, episode.Episode)
        self.assertEqual(
            [(tuple(s.shape), s.dtype.name) for s in dataset.element_spec],
            [
                ((5, 21), "float32"),
                ((5, 1), "float32"),
                ((7, 21), "float32"),
                ((7, 1), "float32"),
            ],
        )

    def test_inputs_are_points_and_one_id_a_task(self):
        drawn = take(500, shots=5, queries=5)
        x = np.concatenate([drawn.support_x, drawn.query_x], axis=1)
        np.testing.assert_array_equal(np.sort(x[..., 1:])[..., -1], 1)
        np.testing.assert_array_equal(x[..., 1:].sum(-1), 1)
        np.testing.assert_array_equal(np.ptp(ids_of(x), axis=1), 0)
        self.assertCountEqual(np.unique(ids_of(x)), range(16))
        places = x[..., 0]
        self.assertBetween(places.min(), -5, -4.9)
        self.assertBetween(places.max(), 4.9, 5)
        self.assertAlmostEqual(places.var(), 100 / 12, delta=0.3)
        # Support and query have different places.
        self.assertGreater(len(np.unique(places)), 0.99 * places.size)

    def test_in_training_an_id_determines_the_amplitude(self):
        drawn = take(300, shots=1, queries=200)
        expected = np.linspace(0.1, 4, 20)[ids_of(drawn.query_x)[:, 0]]
        np.testing.assert_allclose(amplitudes_of(drawn), expected, atol=0.05)
        with self.subTest("so the rest is noise"):
            y = np.concatenate([drawn.support_y, drawn.query_y], axis=1)
            x = np.concatenate([drawn.support_x, drawn.query_x], axis=1)
            noise = y[..., 0] - expected[:, np.newaxis] * np.sin(x[..., 0])
            self.assertAlmostEqual(noise.mean(), 0, delta=0.002)
            self.assertAlmostEqual(noise.var(), 0.01, delta=0.0002)
            of_points = [noise[:, 0], noise[:, 1], x[:, 0, 0], x[:, 1, 0]]
            correlations = np.corrcoef(of_points) - np.eye(4)
            np.testing.assert_allclose(correlations, 0, atol=0.25)

    def test_at_test_ids_are_independent_of_amplitudes(self):
        drawn = take(2000, shots=1, queries=50, informative_ids=False)
        amplitudes = amplitudes_of(drawn)
        self.assertBetween(amplitudes.min(), 0, 0.2)
        self.assertBetween(amplitudes.max(), 3.9, 4.1)
        self.assertAlmostEqual(amplitudes.mean(), 2.05, delta=0.1)
        ids = ids_of(drawn.query_x)[:, 0]
        self.assertCountEqual(np.unique(ids), range(16))
        self.assertLess(abs(np.corrcoef(ids, amplitudes)[0, 1]), 0.07)

    @parameterized.parameters(True, False)
    def test_seed_and_number_fix_a_task(self, informative_ids):
        arguments = {"shots": 3, "informative_ids": informative_ids}
        first = take(20, seed=3, **arguments)
        assert_same(first, take(20, seed=3, **arguments))
        with self.subTest("start goes on where another stream stopped"):
            rest = take(13, seed=3, start=7, **arguments)
            assert_same([part[7:] for part in first], rest)
        with self.subTest("streams and their tasks do not overlap"):
            places = [
                take(100, seed=seed, **arguments).support_x[..., 0]
                for seed in (3, 4, 3 + 2**32)
            ]
            self.assertLen(np.unique(places), 3 * 100 * 3)

    @parameterized.parameters(
        ("shots", 0), ("queries", -1), ("seed", -1), ("start", 2**63)
    )
    def test_argument_out_of_range(self, name, value):
        with self.assertRaisesRegex(
            errors.InputError, f"^{name}: expected .*, got {value}$"
        ):
            sinusoid.sample_sinusoids(**{"shots": 1, name: value})


if __name__ == "__main__":
    absltest.main()

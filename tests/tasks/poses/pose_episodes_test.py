import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta import episode, errors
from tfmeta.tasks.poses import pose_episodes


def take(objects, count, **arguments):
    """Returns `count` tasks as NumPy arrays with a leading task axis."""
    dataset = pose_episodes.sample_pose_episodes(objects, **arguments).batch(
        count
    )
    return next(dataset.as_numpy_iterator())


def codes(images):
    """Returns the objects' and the images' numbers, of images 0 to 1."""
    coded = np.round(255 * images[..., 0, :, 0]).astype(int)
    return coded[..., 0], coded[..., 1]


class SamplePoseEpisodesTest(parameterized.TestCase):
    def test_elements_are_episodes_of_known_shape(self):
        dataset = pose_episodes.sample_pose_episodes(
            pose_cases.coded_objects(3, 9), shots=2, queries=3
        )
        self.assertEqual(dataset.cardinality(), tf.data.INFINITE_CARDINALITY)
        batch = dataset.batch(4, drop_remainder=True)
        self.assertIsInstance(batch.element_spec, episode.Episode)
        self.assertEqual(
            [
                (tuple(spec.shape), spec.dtype.name)
                for spec in batch.element_spec
            ],
            [
                ((4, 2, 2, 2, 1), "float32"),
                ((4, 2, 1), "float32"),
                ((4, 3, 2, 2, 1), "float32"),
                ((4, 3, 1), "float32"),
            ],
        )

    def test_a_task_is_distinct_images_of_one_object_with_their_azimuths(self):
        objects = pose_cases.coded_objects(5, 7)
        drawn = take(objects, 200, shots=3, queries=4)
        x = np.concatenate([drawn.support_x, drawn.query_x], 1)
        y = np.concatenate([drawn.support_y, drawn.query_y], 1)
        chosen, numbers = codes(x)
        np.testing.assert_array_equal(np.ptp(chosen, 1), 0)
        np.testing.assert_array_equal(
            np.sort(numbers, 1), np.tile(np.arange(7), [200, 1])
        )
        np.testing.assert_allclose(
            y[..., 0],
            objects.azimuths[chosen, numbers] / (2 * np.pi) * 10,
            rtol=1e-6,
        )
        self.assertBetween(y.min(), 0, 10)

    def test_objects_and_images_are_uniform(self):
        drawn = take(pose_cases.coded_objects(4, 5), 4000, shots=1, queries=1)
        chosen, numbers = codes(drawn.support_x[:, 0])
        for counts in (
            np.bincount(chosen),
            np.bincount(numbers),
            np.bincount(codes(drawn.query_x[:, 0])[1]),
            np.bincount(5 * chosen + numbers),
        ):
            expected = 4000 / len(counts)
            statistic = ((counts - expected) ** 2 / expected).sum()
            freedom = len(counts) - 1
            self.assertLess(statistic, freedom + 5 * np.sqrt(2 * freedom))

    def test_seed_fixes_the_stream_and_start_goes_on(self):
        objects = pose_cases.coded_objects(6, 9)
        arguments = {"shots": 2, "queries": 2}
        first = take(objects, 30, seed=3, **arguments)
        later = take(objects, 20, seed=3, start=10, **arguments)
        for one, other in zip(first, later, strict=True):
            np.testing.assert_array_equal(one[10:], other)
        for seed in (4, 3 + 2**32):
            other = take(objects, 30, seed=seed, **arguments)
            self.assertTrue((first.support_x != other.support_x).any())

    @parameterized.named_parameters(
        ("no_support", {"shots": 0}, "^shots: .*got 0"),
        ("no_query", {"queries": 0}, "^queries: .*got 0"),
        ("too_many", {"shots": 5, "queries": 5}, "at most 9, .*got 5 . 5"),
        ("seed", {"seed": -1}, "^seed: "),
        ("start", {"start": -1}, "^start: "),
    )
    def test_bad_argument_is_refused(self, arguments, expected):
        with self.assertRaisesRegex(errors.InputError, expected):
            pose_episodes.sample_pose_episodes(
                pose_cases.coded_objects(3, 9),
                **{"shots": 2, "queries": 2} | arguments,
            )


if __name__ == "__main__":
    absltest.main()

import itertools

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.tasks import streams


class StreamsTest(parameterized.TestCase):
    @parameterized.parameters(
        (0, [0, 1, 2, 3]), (1, [4, 5, 6, 7]), (2, [8, 9, 10, 11])
    )
    def test_seeds_are_those_that_results_were_made_with(self, seed, expected):
        four = streams.Streams("train", "curve", "eval", "picture")
        self.assertEqual(
            [four.seed(seed, name) for name in four.names], expected
        )

    @parameterized.parameters(1, 3, 5)
    def test_no_two_streams_share_a_seed(self, count):
        some = streams.Streams(*map(str, range(count)))
        seeds = [
            some.seed(seed, name)
            for seed, name in itertools.product(range(7), some.names)
        ]
        self.assertLen(set(seeds), 7 * count)

    def test_unknown_stream(self):
        with self.assertRaisesRegex(
            errors.InputError,
            "^stream: expected one of train, eval, got 'evall'$",
        ):
            streams.Streams("train", "eval").seed(0, "evall")

    @parameterized.parameters(((), "none"), (("a", "b", "a"), "a, b, a"))
    def test_names_are_there_and_differ(self, names, listed):
        with self.assertRaisesRegex(
            errors.InputError, f"^names: expected .* streams, got {listed}$"
        ):
            streams.Streams(*names)


class EndlessStreamTest(parameterized.TestCase):
    def test_a_task_is_made_from_the_seed_and_its_number(self):
        stream = streams.endless_stream(lambda pair: pair, seed=2**62, start=5)
        self.assertEqual(stream.cardinality(), tf.data.INFINITE_CARDINALITY)
        self.assertEqual(stream.element_spec, tf.TensorSpec([2], tf.int64))
        np.testing.assert_array_equal(
            list(stream.take(2).as_numpy_iterator()), [[2**62, 5], [2**62, 6]]
        )

    @parameterized.parameters(("seed", -1), ("start", -1), ("start", 2**63))
    def test_argument_out_of_range(self, name, value):
        with self.assertRaisesRegex(
            errors.InputError, f"^{name}: expected .*, got {value}$"
        ):
            streams.endless_stream(
                lambda pair: pair, **{"seed": 0, "start": 0, name: value}
            )


class RandomIntegersTest(absltest.TestCase):
    def test_they_are_those_of_the_task(self):
        first, other = (
            streams.random_integers(1000, tf.constant(pair, tf.int64)).numpy()
            for pair in ([3, 4], [3, 5])
        )
        self.assertEqual(first.dtype, np.int32)
        self.assertLen({*first, *other}, 2000)
        # The first of the numbers on which results depend.
        np.testing.assert_array_equal(
            first[:3], [-1860230133, -671226999, -1390659934]
        )


if __name__ == "__main__":
    absltest.main()

import collections

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import episode, errors
from tfmeta.tasks.images import episodes, image_classes


def coded_classes(images_per_class):
    """Float images whose first two pixels are their class and their number."""
    class_ids = np.repeat(np.arange(len(images_per_class)), images_per_class)
    images = np.zeros([len(class_ids), 2, 2, 1], np.float32)
    images[:, 0, 0, 0] = class_ids
    images[:, 0, 1, 0] = np.concatenate(
        [np.arange(count) for count in images_per_class]
    )
    return image_classes.ImageClasses(images, class_ids)


def take(classes, count, **arguments):
    """Returns `count` episodes, with a leading task axis, as NumPy arrays."""
    dataset = episodes.sample_episodes(classes, **arguments).batch(count)
    return next(dataset.as_numpy_iterator())


def classes_of(images):
    return images[..., 0, 0, 0].astype(int)


def numbers_of(images):
    return images[..., 0, 1, 0].astype(int)


def assert_same(first, second):
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


ALL_CONSTRUCTIONS = [(name, name) for name in episodes.CONSTRUCTIONS]


class SampleEpisodesTest(parameterized.TestCase):
    def test_elements_are_episodes_of_known_shape(self):
        dataset = episodes.sample_episodes(
            coded_classes([6] * 8), ways=5, shots=2, queries=3
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
                ((4, 10, 2, 2, 1), "float32"),
                ((4, 10), "int32"),
                ((4, 15, 2, 2, 1), "float32"),
                ((4, 15), "int32"),
            ],
        )
        self.assertIsInstance(next(iter(batch)), episode.Episode)

    def test_bytes_are_scaled_to_one_and_floats_passed_on(self):
        images = np.full([4, 2, 2, 1], 255, np.uint8)
        images[:, 0] = 51
        byte_classes = image_classes.ImageClasses(images, [0, 0, 1, 1])
        support = take(byte_classes, 1, ways=2, shots=1).support_x
        np.testing.assert_array_equal(support[..., 1, :, :], 1.0)
        np.testing.assert_allclose(support[..., 0, :, :], 0.2, rtol=1e-6)
        float_classes = image_classes.ImageClasses(
            np.full([4, 2, 2, 1], -3.5), [0, 0, 1, 1]
        )
        support = take(float_classes, 1, ways=2, shots=1).support_x
        np.testing.assert_array_equal(support, -3.5)

    @parameterized.named_parameters(*ALL_CONSTRUCTIONS)
    def test_seed_fixes_the_stream(self, construction):
        arguments = {"ways": 4, "shots": 1, "construction": construction}
        classes = coded_classes([5] * 16)
        first = take(classes, 20, seed=3, **arguments)
        assert_same(first, take(classes, 20, seed=3, **arguments))
        for other_seed in (4, 3 + 2**32):
            other = take(classes, 20, seed=other_seed, **arguments)
            self.assertTrue((first.support_x != other.support_x).any())

    @parameterized.named_parameters(*ALL_CONSTRUCTIONS)
    def test_start_goes_on_where_another_stream_stopped(self, construction):
        arguments = {
            "ways": 4,
            "shots": 2,
            "queries": 2,
            "construction": construction,
            "seed": 9,
        }
        classes = coded_classes([4, 5, 6, 7] * 4)
        whole = episodes.sample_episodes(classes, **arguments)
        skipped = next(whole.skip(37).batch(10).as_numpy_iterator())
        assert_same(skipped, take(classes, 10, start=37, **arguments))

    def test_episodes_of_a_stream_differ(self):
        drawn = take(coded_classes([20] * 30), 50, ways=5, shots=1)
        tasks = {
            tuple(zip(*task, strict=True))
            for task in zip(
                classes_of(drawn.support_x).tolist(),
                numbers_of(drawn.support_x).tolist(),
                strict=True,
            )
        }
        self.assertLen(tasks, 50)

    @parameterized.named_parameters(*ALL_CONSTRUCTIONS)
    def test_labels_stand_for_classes_and_images_are_distinct(
        self, construction
    ):
        # All images of every class are drawn, so that a repetition would show.
        ways, shots, queries = 4, 2, 3
        drawn = take(
            coded_classes([5] * 12),
            50,
            ways=ways,
            shots=shots,
            queries=queries,
            construction=construction,
        )
        for task in range(50):
            support_x, support_y, query_x, query_y = (
                part[task] for part in drawn
            )
            np.testing.assert_array_equal(
                np.bincount(support_y), [shots] * ways
            )
            np.testing.assert_array_equal(
                np.bincount(query_y), [queries] * ways
            )
            label_of = dict(
                zip(classes_of(support_x), support_y.tolist(), strict=True)
            )
            self.assertLen(label_of, ways)
            self.assertEqual(
                [label_of[index] for index in classes_of(query_x)],
                query_y.tolist(),
            )
            images = np.concatenate([support_x, query_x])
            self.assertLen(
                set(zip(classes_of(images), numbers_of(images), strict=True)),
                ways * (shots + queries),
            )

    def test_ragged_classes_give_their_own_images_only(self):
        counts = [2, 9, 3, 5]
        drawn = take(coded_classes(counts), 300, ways=3, shots=1, queries=1)
        images = np.concatenate([drawn.support_x, drawn.query_x], axis=1)
        seen = collections.Counter(
            zip(
                classes_of(images).ravel().tolist(),
                numbers_of(images).ravel().tolist(),
                strict=True,
            )
        )
        self.assertEqual(
            set(seen),
            {
                (index, number)
                for index, count in enumerate(counts)
                for number in range(count)
            },
        )
        # Both images of the smallest class are in each of its tasks.
        self.assertEqual(seen[0, 0], seen[0, 1])

    def test_classes_images_and_labels_are_uniform(self):
        num_classes, ways, tasks = 12, 5, 2000
        drawn = take(
            coded_classes([7] * num_classes), tasks, ways=ways, shots=1
        )
        by_label = np.zeros([num_classes, ways])
        np.add.at(by_label, (classes_of(drawn.support_x), drawn.support_y), 1)
        by_number = np.bincount(numbers_of(drawn.support_x).ravel())
        pairs = np.zeros([num_classes, num_classes])
        drawn_classes = classes_of(drawn.support_x)
        np.add.at(pairs, (drawn_classes[:, 0], drawn_classes[:, 1]), 1)
        pairs = pairs[~np.eye(num_classes, dtype=bool)]
        for observed in (by_label, by_number, pairs):
            # Pearson's statistic is close to its degrees of freedom, with a
            # standard deviation of the root of twice that.
            expected = observed.sum() / observed.size
            statistic = ((observed - expected) ** 2 / expected).sum()
            freedom = observed.size - 1
            self.assertLess(statistic, freedom + 5 * np.sqrt(2 * freedom))
            self.assertGreater(statistic, freedom - 5 * np.sqrt(2 * freedom))

    def test_mutually_exclusive_gives_a_class_several_labels(self):
        drawn = take(coded_classes([2] * 6), 200, ways=3, shots=1)
        pairs = set(
            zip(
                classes_of(drawn.support_x).ravel().tolist(),
                drawn.support_y.ravel().tolist(),
                strict=True,
            )
        )
        self.assertLen(pairs, 18)

    @parameterized.named_parameters(
        ("even", 12, [3, 3, 3, 3]), ("uneven", 14, [4, 4, 3, 3])
    )
    def test_fixed_label_per_class(self, num_classes, classes_per_label):
        ways = 4
        drawn = take(
            coded_classes([2] * num_classes),
            2000,
            ways=ways,
            shots=1,
            construction="fixed_label_per_class",
        )
        counts = np.zeros([num_classes, ways], int)
        for images, labels in (
            (drawn.support_x, drawn.support_y),
            (drawn.query_x, drawn.query_y),
        ):
            np.add.at(counts, (classes_of(images), labels), 1)
        np.testing.assert_array_equal((counts > 0).sum(axis=1), 1)
        np.testing.assert_array_equal(
            (counts > 0).sum(axis=0), classes_per_label
        )
        # A label's classes are drawn equally often: 4000 draws of 3 or 4,
        # in pairs, within five standard deviations.
        for label, size in enumerate(classes_per_label):
            of_label = counts[counts[:, label] > 0, label]
            deviation = 2 * np.sqrt(2000 * (1 / size) * (1 - 1 / size))
            np.testing.assert_allclose(
                of_label, 4000 / size, atol=5 * deviation
            )

    def test_fixed_labels_are_not_drawn_in_step(self):
        # The classes of two labels are independent of each other.
        drawn = take(
            coded_classes([2] * 6),
            200,
            ways=2,
            shots=1,
            construction="fixed_label_per_class",
        )
        self.assertLen({tuple(row) for row in classes_of(drawn.support_x)}, 9)

    def test_fixed_groups(self):
        ways = 4
        drawn = take(
            coded_classes([2] * 14),
            200,
            ways=ways,
            shots=1,
            construction="fixed_groups",
        )
        groups = {tuple(row) for row in classes_of(drawn.support_x)}
        # 14 classes are three groups, each in one order; two are left over.
        self.assertLen(groups, 3)
        self.assertLen({index for group in groups for index in group}, 12)

    @parameterized.named_parameters(
        ("fixed_label_per_class", "fixed_label_per_class"),
        ("fixed_groups", "fixed_groups"),
    )
    def test_assignment_has_a_seed_of_its_own(self, construction):
        def labels_of_classes(**arguments):
            drawn = take(
                coded_classes([2] * 12),
                200,
                ways=4,
                shots=1,
                construction=construction,
                **arguments,
            )
            return set(
                zip(
                    classes_of(drawn.support_x).ravel().tolist(),
                    drawn.support_y.ravel().tolist(),
                    strict=True,
                )
            )

        first = labels_of_classes(seed=0)
        self.assertEqual(first, labels_of_classes(seed=1))
        self.assertNotEqual(first, labels_of_classes(assignment_seed=1))

    def test_stream_stays_the_same_from_version_to_version(self):
        # A resumed run goes on with the episodes of the version it began with.
        drawn = take(coded_classes([5] * 10), 2, ways=4, shots=1, seed=7)
        np.testing.assert_array_equal(
            classes_of(drawn.support_x), [[5, 4, 8, 7], [8, 4, 0, 1]]
        )
        np.testing.assert_array_equal(
            numbers_of(drawn.support_x), [[3, 1, 1, 2], [1, 0, 1, 3]]
        )
        np.testing.assert_array_equal(
            numbers_of(drawn.query_x), [[0, 4, 0, 0], [3, 3, 2, 0]]
        )

    @parameterized.named_parameters(
        ("ways", {"ways": 5}, "ways: .*at most 4, .*got 5"),
        ("zero_ways", {"ways": 0}, "ways: .*positive.*got 0"),
        ("zero_shots", {"shots": 0}, "shots: .*positive.*got 0"),
        ("queries", {"queries": -1}, "queries: .*positive.*got -1"),
        (
            "images",
            {"shots": 2, "queries": 2},
            "shots .* queries: .*at most 3, .*class '2', got 2 . 2",
        ),
        ("start", {"start": -1}, "start: .*got -1"),
        ("seed", {"seed": -1}, "seed: .*got -1"),
        ("huge_seed", {"seed": 2**63}, "seed: .*got 9223372036854775808"),
        ("assignment", {"assignment_seed": -1}, "assignment_seed: .*got -1"),
        (
            "construction",
            {"construction": "random"},
            "construction: .*mutually_exclusive, fixed_label_per_class, "
            "fixed_groups, got 'random'",
        ),
    )
    def test_bad_input(self, changes, message):
        arguments = {"ways": 2, "shots": 1, **changes}
        with self.assertRaisesRegex(errors.InputError, message) as caught:
            episodes.sample_episodes(coded_classes([5, 5, 3, 5]), **arguments)
        self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    absltest.main()

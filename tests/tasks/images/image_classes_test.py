import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.tasks.images import image_classes


def coded_images(class_ids, side=3):
    """Returns one uint8 image for each id: its class and its own number."""
    images = np.zeros([len(class_ids), side, side, 1], np.uint8)
    images[:, 0, 0, 0] = class_ids
    images[:, 0, 1, 0] = np.arange(len(class_ids))
    return images


class ImageClassesTest(parameterized.TestCase):
    def test_sorts_by_class_and_keeps_the_order_within(self):
        class_ids = [7, 3, 7, 9, 3, 7]
        classes = image_classes.ImageClasses(coded_images(class_ids), class_ids)
        self.assertEqual(classes.num_classes, 3)
        self.assertEqual(classes.class_names, ("3", "7", "9"))
        self.assertEqual(classes.image_shape, (3, 3, 1))
        np.testing.assert_array_equal(classes.images_per_class, [2, 3, 1])
        np.testing.assert_array_equal(classes.offsets, [0, 2, 5])
        np.testing.assert_array_equal(
            classes.images[:, 0, 0, 0], [3, 3, 7, 7, 7, 9]
        )
        np.testing.assert_array_equal(
            classes.class_images(1)[:, 0, 1, 0], [0, 2, 5]
        )

    def test_adds_a_channel_to_matrices(self):
        classes = image_classes.ImageClasses(np.zeros([2, 5, 4]), [0, 1])
        self.assertEqual(classes.image_shape, (5, 4, 1))
        self.assertEqual(classes.images.dtype, np.float32)

    def test_is_a_copy_that_cannot_be_changed(self):
        images = coded_images([0, 1])
        classes = image_classes.ImageClasses(images, [0, 1])
        images[:] = 77
        self.assertNotIn(77, classes.images)
        with self.assertRaises(ValueError):
            classes.images[0] = 1
        with self.assertRaises(ValueError):
            classes.images_per_class[0] = 1

    def test_select_takes_classes_in_the_given_order(self):
        class_ids = [0, 1, 1, 2, 3]
        classes = image_classes.ImageClasses(
            coded_images(class_ids), class_ids, ["a", "b", "c", "d"]
        ).select([3, 1])
        self.assertEqual(classes.class_names, ("d", "b"))
        np.testing.assert_array_equal(classes.images_per_class, [1, 2])
        np.testing.assert_array_equal(classes.images[:, 0, 0, 0], [3, 1, 1])

    def test_rotations_are_new_classes(self):
        class_ids = [0, 0, 1]
        classes = image_classes.ImageClasses(coded_images(class_ids), class_ids)
        turned = classes.with_rotations()
        self.assertEqual(turned.num_classes, 8)
        self.assertEqual(turned.class_names[3], "1/rot090")
        np.testing.assert_array_equal(
            turned.images_per_class, [2, 1, 2, 1, 2, 1, 2, 1]
        )
        for turns in range(4):
            np.testing.assert_array_equal(
                turned.class_images(2 * turns)[1],
                np.rot90(classes.class_images(0)[1], turns),
            )

    def test_split_is_disjoint_and_fixed_by_the_seed(self):
        class_ids = np.arange(20)
        classes = image_classes.ImageClasses(coded_images(class_ids), class_ids)
        parts = classes.random_split([12, 3, 4], seed=1)
        names = [part.class_names for part in parts]
        self.assertEqual([len(part) for part in names], [12, 3, 4])
        self.assertLen({name for part in names for name in part}, 19)
        repeated = classes.random_split([12, 3, 4], seed=1)
        self.assertEqual(names, [part.class_names for part in repeated])
        other = classes.random_split([12, 3, 4], seed=2)
        self.assertNotEqual(names, [part.class_names for part in other])
        for part in parts:
            np.testing.assert_array_equal(
                part.images[:, 0, 0, 0], [int(n) for n in part.class_names]
            )

    def test_last_part_does_not_depend_on_how_the_others_are_cut(self):
        classes = image_classes.ImageClasses(
            coded_images(range(20)), np.arange(20)
        )
        first = classes.random_split([12, 3, 5])[-1]
        second = classes.random_split([9, 6, 5])[-1]
        self.assertEqual(first.class_names, second.class_names)

    @parameterized.named_parameters(
        ("rank", np.zeros([2, 3]), [0, 1], None, "images: .*shape"),
        ("empty", np.zeros([0, 3, 3]), [], None, "images: .*non-empty"),
        ("no_pixels", np.zeros([2, 0, 3]), [0, 1], None, "images: .*non-empty"),
        (
            "integers",
            np.zeros([2, 3, 3], np.int64),
            [0, 1],
            None,
            "images: .*int64",
        ),
        (
            "nan",
            np.stack([np.zeros([3, 3]), np.full([3, 3], np.nan)]),
            [0, 1],
            None,
            "images: .*NaN.*first in image 1",
        ),
        (
            "infinity",
            np.full([2, 3, 3], np.inf),
            [0, 1],
            None,
            "images: .*infinity in 2 of 2",
        ),
        (
            "overflow",
            np.full([2, 3, 3], 1e300),
            [0, 1],
            None,
            "images: .*infinity",
        ),
        (
            "ragged",
            [np.zeros([3, 3]), np.zeros([4, 3])],
            [0, 1],
            None,
            "images: .*different shapes",
        ),
        (
            "lengths",
            np.zeros([2, 3, 3]),
            [0],
            None,
            "class_ids: .*2 images, got 1",
        ),
        (
            "id_rank",
            np.zeros([2, 3, 3]),
            [[0], [1]],
            None,
            "class_ids: .*vector",
        ),
        (
            "id_type",
            np.zeros([2, 3, 3]),
            [0.0, 1.0],
            None,
            "class_ids: .*float64",
        ),
        (
            "names",
            np.zeros([2, 3, 3]),
            [0, 1],
            ["a"],
            "class_names: .*2 classes.*got 1",
        ),
    )
    def test_bad_input(self, images, class_ids, names, message):
        with self.assertRaisesRegex(errors.InputError, message) as caught:
            image_classes.ImageClasses(images, class_ids, names)
        self.assertNotIn("\n", str(caught.exception))

    @parameterized.named_parameters(
        ("none", []),
        ("negative", [-1]),
        ("beyond", [2]),
        ("twice", [0, 0]),
        ("float", [0.0]),
    )
    def test_bad_selection(self, indices):
        classes = image_classes.ImageClasses(np.zeros([2, 3, 3]), [0, 1])
        with self.assertRaisesRegex(errors.InputError, "class_indices"):
            classes.select(indices)

    @parameterized.named_parameters(
        ("none", []), ("zero", [1, 0]), ("too_many", [2, 1])
    )
    def test_bad_split(self, sizes):
        classes = image_classes.ImageClasses(np.zeros([2, 3, 3]), [0, 1])
        with self.assertRaisesRegex(errors.InputError, "sizes"):
            classes.random_split(sizes)

    def test_labels_are_the_classes_of_the_images(self):
        class_ids = [7, 3, 7, 9, 3, 7]
        classes = image_classes.ImageClasses(coded_images(class_ids), class_ids)
        np.testing.assert_array_equal(classes.labels, [0, 0, 1, 1, 1, 2])

    def test_holds_out_images_of_every_class(self):
        class_ids = [7] * 5 + [3] * 3 + [9] * 4
        classes = image_classes.ImageClasses(
            coded_images(class_ids), class_ids, ["c", "a", "b"]
        )
        rest, held_out = classes.hold_out(2, seed=1)
        np.testing.assert_array_equal(rest.images_per_class, [1, 3, 2])
        np.testing.assert_array_equal(held_out.images_per_class, 2)
        np.testing.assert_array_equal(
            held_out.images[:, 0, 0, 0], [3, 3, 7, 7, 9, 9]
        )
        self.assertEqual(held_out.class_names, classes.class_names)
        self.assertCountEqual(
            [*rest.images[:, 0, 1, 0], *held_out.images[:, 0, 1, 0]], range(12)
        )
        np.testing.assert_array_equal(
            held_out.images, classes.hold_out(2, seed=1)[1].images
        )
        self.assertTrue(
            any(
                (
                    classes.hold_out(2, seed=seed)[1].images != held_out.images
                ).any()
                for seed in range(2, 5)
            )
        )

    @parameterized.parameters((0, 0), (3, 0), (1, -1))
    def test_bad_holding_out(self, images_per_class, seed):
        classes = image_classes.ImageClasses(np.zeros([6, 3, 3]), [0, 1] * 3)
        with self.assertRaisesRegex(
            errors.InputError, "images_per_class: .* 1 to 2|seed: .*got -1"
        ):
            classes.hold_out(images_per_class, seed=seed)

    def test_bad_seed(self):
        classes = image_classes.ImageClasses(np.zeros([2, 3, 3]), [0, 1])
        with self.assertRaisesRegex(errors.InputError, "seed: .*got -1"):
            classes.random_split([1, 1], seed=-1)

    def test_rotations_need_squares(self):
        classes = image_classes.ImageClasses(np.zeros([2, 3, 4]), [0, 1])
        with self.assertRaisesRegex(errors.InputError, "3 by 4"):
            classes.with_rotations()


if __name__ == "__main__":
    absltest.main()

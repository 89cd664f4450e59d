import importlib.metadata
import string
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import errors
from tfmeta.tasks.images import glyphs, image_classes, letter_fonts

# Letters that look like Latin ones or the Greek Delta, and some that do not.
LOOKALIKES = "sΑΒΕАВЕᐃ"
OTHERS = "ΔΨЖЩЮԲשבᑐლ"
CHARACTERS = string.ascii_uppercase + LOOKALIKES + OTHERS


class GlyphsTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        prerequisites.package("matplotlib")

    def setUp(self):
        super().setUp()
        self.cache_dir = self.create_tempdir().full_path

    def load(self, characters=CHARACTERS, **arguments):
        return glyphs.load_glyphs(
            characters=characters, cache_dir=self.cache_dir, **arguments
        )

    def load_all(self, **arguments):
        """Returns all letters as one array and their names, in order."""
        parts = self.load(**arguments)
        letters = [name for part in parts for name in part.class_names]
        images = np.concatenate([part.images for part in parts])
        images = images.reshape([-1, 20, *images.shape[1:3]])
        order = np.argsort(letters)
        return images[order], [letters[index] for index in order]

    def test_classes_are_distinct_letters_of_twenty_images(self):
        parts = self.load()
        for part in parts:
            self.assertIsInstance(part, image_classes.ImageClasses)
            self.assertEqual(part.image_shape, (28, 28, 1))
            self.assertEqual(part.images.dtype, np.uint8)
            np.testing.assert_array_equal(part.images_per_class, 20)
        images, letters = self.load_all()
        self.assertLen(set(letters), len(letters))
        self.assertLen(
            set(map(bytes, images.reshape([-1, 784]))), len(images) * 20
        )

    def test_first_of_lookalikes_is_kept(self):
        _, letters = self.load_all()
        self.assertContainsSubset("ABE", letters)
        self.assertEmpty(set(LOOKALIKES) & set(letters))
        self.assertContainsSubset(OTHERS, letters)

    def test_ink_is_bright_inside_and_centred(self):
        images, letters = self.load_all()
        images = images / 255.0
        for image, letter in zip(images, letters, strict=True):
            with self.subTest(letter):
                self.assertGreater(image.max(axis=(1, 2)).min(), 0.9)
                ink = image.mean(axis=(1, 2))
                self.assertBetween(ink.min(), 0.02, 0.5)
                self.assertBetween(ink.max(), 0.02, 0.5)
                for edge in (
                    image[:, 0],
                    image[:, -1],
                    image[:, :, 0],
                    image[:, :, -1],
                ):
                    self.assertEqual(edge.max(), 0.0)
                for axis in (1, 2):
                    inked = image.max(axis=axis) > 0.3
                    first = inked.argmax(axis=1)
                    last = 27 - inked[:, ::-1].argmax(axis=1)
                    middle = (first + last) / 2 - 13.5
                    self.assertLess(np.abs(middle).max(), 4.0)

    def test_images_of_a_class_are_alike_but_vary(self):
        images, _ = self.load_all()
        flat = images.reshape([len(images), 20, -1]) / 255.0
        first, second = flat[:, :10], flat[:, 10:]
        spread = second - second.mean(axis=1, keepdims=True)
        self.assertGreater((spread**2).sum(axis=-1).mean(), 10.0)
        # Images are assigned to the class whose other images have the nearest
        # mean.
        distances = ((second[:, :, np.newaxis] - first.mean(axis=1)) ** 2).sum(
            axis=-1
        )
        nearest = distances.argmin(axis=-1)
        is_right = nearest == np.arange(len(flat))[:, np.newaxis]
        self.assertGreater(is_right.mean(), 10 / len(flat))

    def test_seed_fixes_the_split_and_leaves_the_images(self):
        first = self.load(seed=0)
        other = self.load(seed=1)
        repeated = self.load(seed=0)
        self.assertEqual(
            first.meta_test.class_names, repeated.meta_test.class_names
        )
        self.assertNotEqual(
            first.meta_test.class_names, other.meta_test.class_names
        )
        np.testing.assert_array_equal(
            self.load_all(seed=0)[0], self.load_all(seed=1)[0]
        )

    def test_splits_are_disjoint_and_have_their_shares(self):
        parts = self.load(meta_validation_share=0.25, meta_test_share=0.5)
        names = [set(part.class_names) for part in parts]
        total = sum(map(len, names))
        self.assertLen(set.union(*names), total)
        self.assertEqual(len(names[1]), round(0.25 * total))
        self.assertEqual(len(names[2]), round(0.5 * total))

    def test_letter_does_not_depend_on_its_neighbours(self):
        many, letters = self.load_all()
        few, few_letters = self.load_all(
            characters="XYZ", meta_validation_share=0.3, meta_test_share=0.3
        )
        for image, letter in zip(few, few_letters, strict=True):
            np.testing.assert_array_equal(image, many[letters.index(letter)])

    def test_image_size(self):
        self.assertEqual(
            self.load(image_size=20).meta_train.image_shape, (20, 20, 1)
        )

    def test_second_time_comes_from_the_cache(self):
        first, _ = self.load_all()
        with mock.patch.object(
            letter_fonts, "draw_letters", side_effect=AssertionError("rendered")
        ):
            second, _ = self.load_all()
            with self.assertRaisesRegex(AssertionError, "rendered"):
                self.load(image_size=20)
        np.testing.assert_array_equal(first, second)

    def test_without_matplotlib(self):
        missing = importlib.metadata.PackageNotFoundError("matplotlib")
        with (
            mock.patch.object(
                importlib.metadata, "version", side_effect=missing
            ),
            self.assertRaisesRegex(
                errors.InputError, r"pip install tfmeta\[glyphs\]"
            ),
        ):
            self.load()

    @parameterized.named_parameters(
        ("image_size", {"image_size": 0}, "image_size: .*got 0"),
        ("no_test", {"meta_test_share": 0.0}, "meta_test_share"),
        ("no_train", {"meta_test_share": 0.99}, "meta_test_share"),
        ("negative", {"meta_validation_share": -0.1}, "meta_validation_share"),
        ("nan", {"meta_validation_share": float("nan")}, "share"),
        ("no_letters", {"characters": "12?é"}, "characters: .*'12\\?é'"),
        ("one_letter", {"characters": "A"}, "share"),
    )
    def test_bad_input(self, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message) as caught:
            self.load(**arguments)
        self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    absltest.main()

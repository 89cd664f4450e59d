import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.tasks.images import image_folder

ENCODERS = {
    ".png": tf.io.encode_png,
    ".jpg": lambda pixels: tf.io.encode_jpeg(pixels, quality=100),
    ".JPEG": lambda pixels: tf.io.encode_jpeg(pixels, quality=100),
}
# One pixel each: of value 200 in three bytes, and a white one.
BMP = bytes.fromhex(
    "424d3a0000000000000036000000280000000100000001000000010018000000"
    "000004000000c40e0000c40e00000000000000000000c8c8c800"
)
GIF = bytes.fromhex(
    "47494638376101000100810000ffffff0000000000000000002c000000000100"
    "010000080400010404003b"
)


def flat(value, side=10, channels=1):
    return np.full([side, side, channels], value, np.uint8)


class ImageFolderTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def write(self, name, pixels):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ENCODERS[path.suffix](pixels).numpy())
        return path

    def test_sub_folders_are_classes(self):
        self.write("b/2.png", flat(20))
        self.write("b/1.jpg", flat(10))
        self.write("a/x.JPEG", flat(200))
        self.write(".hidden/x.png", flat(0))
        self.write("b/.hidden.png", flat(0))
        (self.folder / "b" / "notes.txt").write_text("not an image")
        (self.folder / "read.me").write_text("not a folder")
        classes = image_folder.load_image_folder(self.folder)
        self.assertEqual(classes.class_names, ("a", "b"))
        np.testing.assert_array_equal(classes.images_per_class, [1, 2])
        self.assertEqual(classes.image_shape, (28, 28, 1))
        self.assertEqual(classes.images.dtype, np.uint8)
        for image, value in zip(classes.images, [200, 10, 20], strict=True):
            np.testing.assert_array_equal(image, value)

    def test_inverted_dark_ink_is_bright(self):
        paper = flat(255, side=28)
        paper[10:18, 10:18] = 0
        path = self.write("a/x.png", paper)
        (image,) = image_folder.load_images([path], invert=True)
        np.testing.assert_array_equal(image, 255 - paper)
        classes = image_folder.load_image_folder(self.folder, invert=True)
        np.testing.assert_array_equal(classes.images, [image])

    def test_shrinks_with_antialiasing(self):
        # A fine checkerboard is grey from afar, and nowhere black or white.
        board = np.indices([112, 112]).sum(axis=0) % 2 * 255
        path = self.write("x.png", board[..., np.newaxis].astype(np.uint8))
        (image,) = image_folder.load_images([path])
        self.assertBetween(image.min(), 110, 145)
        self.assertBetween(image.max(), 110, 145)

    def test_channels(self):
        red = self.write("red.png", flat([255, 0, 0], channels=3))
        grey = self.write("grey.png", flat(100))
        in_grey = image_folder.load_images([red, grey])
        self.assertEqual(in_grey.shape, (2, 28, 28, 1))
        np.testing.assert_array_equal(in_grey[0], 76)  # 0.2989 of 255.
        in_colour = image_folder.load_images([red, grey], channels=3)
        self.assertEqual(in_colour.shape, (2, 28, 28, 3))
        np.testing.assert_array_equal(in_colour[0], flat([255, 0, 0], 28, 3))
        np.testing.assert_array_equal(in_colour[1], 100)

    @parameterized.named_parameters(("grey_alpha", 2), ("colour_alpha", 4))
    def test_transparent_is_white(self, channels):
        pixels = flat(0, side=28, channels=channels)
        pixels[:14, :, -1] = 255
        (image,) = image_folder.load_images([self.write("x.png", pixels)])
        np.testing.assert_array_equal(image[:14], 0)
        np.testing.assert_array_equal(image[14:], 255)

    @parameterized.named_parameters(
        ("bmp", "x.bmp", BMP, 200), ("gif", "x.gif", GIF, 255)
    )
    def test_other_formats(self, name, content, value):
        path = self.folder / name
        path.write_bytes(content)
        (image,) = image_folder.load_images([path], image_size=2)
        np.testing.assert_array_equal(image, np.full([2, 2, 1], value))

    def test_missing_folder(self):
        with self.assertRaisesRegex(errors.InputError, "path: .*/absent"):
            image_folder.load_image_folder(self.folder / "absent")

    def test_file_in_place_of_the_folder(self):
        path = self.write("x.png", flat(0))
        with self.assertRaisesRegex(errors.InputError, "path: .*x.png"):
            image_folder.load_image_folder(path)

    def test_no_sub_folders(self):
        self.write("x.png", flat(0))
        with self.assertRaisesRegex(errors.InputError, "sub-folder for each"):
            image_folder.load_image_folder(self.folder)

    def test_class_without_images(self):
        self.write("full/x.png", flat(0))
        (self.folder / "empty").mkdir()
        with self.assertRaisesRegex(errors.InputError, "/empty, found none"):
            image_folder.load_image_folder(self.folder)

    @parameterized.named_parameters(
        ("empty", ".png", lambda content: b""),
        ("truncated_png", ".png", lambda content: content[:-30]),
        ("truncated_jpeg", ".jpg", lambda content: content[:-300]),
        ("text", ".png", lambda content: b"hello"),
    )
    def test_damaged_image_is_named(self, suffix, damage):
        self.write("a/good.png", flat(0))
        noise = np.random.default_rng(0).integers(0, 256, [30, 30, 1])
        bad = self.write(f"b/bad{suffix}", noise.astype(np.uint8))
        bad.write_bytes(damage(bad.read_bytes()))
        with self.assertRaisesRegex(errors.InputError, str(bad)) as caught:
            image_folder.load_image_folder(self.folder)
        self.assertNotIn("\n", str(caught.exception))

    def test_missing_image_is_named(self):
        with self.assertRaisesRegex(errors.InputError, "absent.png"):
            image_folder.load_images([self.folder / "absent.png"])

    @parameterized.named_parameters(
        ("paths", {"paths": []}, "paths: "),
        ("image_size", {"image_size": 0}, "image_size: .*got 0"),
        ("channels", {"channels": 2}, "channels: .*got 2"),
    )
    def test_bad_input(self, changes, message):
        arguments = {"paths": [self.write("x.png", flat(0))], **changes}
        with self.assertRaisesRegex(errors.InputError, message):
            image_folder.load_images(**arguments)


if __name__ == "__main__":
    absltest.main()

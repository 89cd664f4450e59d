import functools
import pathlib
import shutil
import socket
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import errors
from tfmeta.tasks.images import omniglot

RECORDS = "omniglot-test.tfrecord-00000-of-00001"


def real_data_dir():
    return prerequisites.data_dir("omniglot", "3.0.0")


@functools.cache
def load(**arguments):
    return omniglot.load_omniglot(real_data_dir(), **arguments)


def names(parts):
    return [set(part.class_names) for part in parts]


class RealOmniglotTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        real_data_dir()

    @parameterized.named_parameters(
        ("random", {}, [1100, 100, 423]),
        ("random_20", {"validation_classes": 20}, [1180, 20, 423]),
        ("vinyals", {"split": "vinyals"}, [1028, 172, 423]),
        (
            "background_evaluation",
            {"split": "background_evaluation"},
            [864, 100, 659],
        ),
    )
    def test_sizes(self, arguments, sizes):
        parts = load(**arguments)
        self.assertEqual([part.num_classes for part in parts], sizes)
        self.assertLen(set.union(*names(parts)), 1623)
        for part in parts:
            np.testing.assert_array_equal(part.images_per_class, 20)
            self.assertEqual(part.image_shape, (28, 28, 1))
            self.assertEqual(part.images.dtype, np.uint8)

    def test_ink_is_bright_on_dark(self):
        images = np.concatenate([part.images for part in load()]) / 255.0
        self.assertBetween(images.mean(), 0.02, 0.2)
        self.assertEqual(np.median(images), 0.0)
        self.assertEqual(images.max(), 1.0)
        self.assertGreater(images.max(axis=(1, 2, 3)).min(), 0.3)

    def test_ways_to_split_are_of_the_same_characters(self):
        first = np.concatenate([part.images for part in load()])
        second = np.concatenate([part.images for part in load(split="vinyals")])
        self.assertEqual(
            set.union(*names(load())),
            set.union(*names(load(split="vinyals"))),
        )
        self.assertEqual(
            np.sort(first.sum(axis=(1, 2, 3))).tolist(),
            np.sort(second.sum(axis=(1, 2, 3))).tolist(),
        )

    def test_vinyals_divides_by_alphabet(self):
        train, validation, test = names(load(split="vinyals"))
        self.assertIn("Gurmukhi/character41", train)
        self.assertIn("Gurmukhi/character42", test)
        self.assertIn("Angelic/character01", train)
        self.assertIn("Bengali/character46", validation)
        self.assertIn("ULOG/character26", test)

    def test_background_alphabets_are_not_tested_on(self):
        alphabets = [
            {name.split("/")[0] for name in part}
            for part in names(load(split="background_evaluation"))
        ]
        self.assertLen(alphabets[0], 30)
        self.assertLen(alphabets[2], 20)
        self.assertEmpty((alphabets[0] | alphabets[1]) & alphabets[2])

    def test_seed_draws_the_random_split(self):
        self.assertNotEqual(names(load()), names(load(seed=1)))
        # Validation classes are taken from those of train, not of test.
        self.assertEqual(
            names(load())[2], names(load(validation_classes=20))[2]
        )

    def test_rotations_quadruple_each_split(self):
        plain, turned = load(), load(rotations=True)
        self.assertEqual(
            [4 * part.num_classes for part in plain],
            [part.num_classes for part in turned],
        )
        np.testing.assert_array_equal(
            np.rot90(plain.meta_test.class_images(5), 1, (1, 2)),
            turned.meta_test.class_images(423 + 5),
        )

    @parameterized.named_parameters(
        ("truncated", RECORDS, lambda content: content[: len(content) // 2]),
        ("empty", RECORDS, lambda content: b""),
        (
            "flipped",
            RECORDS,
            lambda content: (
                content[:99999]
                + bytes(byte ^ 255 for byte in content[99999:100099])
                + content[100099:]
            ),
        ),
        ("info", "dataset_info.json", lambda content: content[:300]),
        ("labels", "alphabet.labels.txt", lambda content: content[:300]),
    )
    def test_damaged_data_is_one_clear_line(self, name, damage):
        folder = pathlib.Path(self.create_tempdir().full_path)
        copy = folder / "omniglot" / "3.0.0"
        copy.mkdir(parents=True)
        for file in (real_data_dir() / "omniglot" / "3.0.0").iterdir():
            if "small" not in file.name:
                shutil.copyfile(file, copy / file.name)
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(damage(content))
        with self.assertRaisesRegex(
            errors.InputError, "data_dir: .*incomplete or corrupt.*remove"
        ) as caught:
            omniglot.load_omniglot(folder)
        self.assertIn(str(folder), str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))


class OmniglotInputTest(parameterized.TestCase):
    def test_missing_folder(self):
        folder = pathlib.Path(self.create_tempdir().full_path) / "absent"
        with self.assertRaisesRegex(
            errors.InputError, "data_dir: .*/absent: create it"
        ):
            omniglot.load_omniglot(folder)
        self.assertFalse(folder.exists())

    @parameterized.named_parameters(
        ("empty", []), ("half_written", ["omniglot", "3.0.0.incompleteABC"])
    )
    def test_without_data_or_network(self, parts):
        folder = pathlib.Path(self.create_tempdir().full_path)
        folder.joinpath(*parts).mkdir(parents=True, exist_ok=True)
        no_network = mock.patch.object(
            socket,
            "create_connection",
            side_effect=OSError("no route to\nhost"),
        )
        with (
            no_network,
            self.assertRaisesRegex(
                errors.InputError, "data_dir: .*no route to host.*network"
            ) as caught,
            self.assertLogs("absl", "WARNING") as logs,
        ):
            omniglot.load_omniglot(folder)
        self.assertIn(str(folder), str(caught.exception))
        self.assertRegex(logs.output[0], "has no omniglot/3.0.0: downloading")

    @parameterized.named_parameters(
        (
            "split",
            {"split": "by_alphabet"},
            "split: .*random, vinyals, background_evaluation, got 'by_alph",
        ),
        ("image_size", {"image_size": 0}, "image_size: .*got 0"),
        (
            "no_validation",
            {"validation_classes": 0},
            "validation_classes: expected 1 to 1199 .*got 0",
        ),
        (
            "no_training",
            {"validation_classes": 964, "split": "background_evaluation"},
            "validation_classes: expected 1 to 963 .*got 964",
        ),
    )
    def test_bad_input(self, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message):
            omniglot.load_omniglot("/absent", **arguments)


if __name__ == "__main__":
    absltest.main()

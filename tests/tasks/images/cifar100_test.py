"""CIFAR-100 as tasks, compared with the pairs of labels in the data."""

import collections
import functools
import socket
from unittest import mock

import numpy as np
import tensorflow_datasets as tfds
from absl.testing import absltest, parameterized

from tests import prerequisites
from tfmeta import errors
from tfmeta.tasks.images import cifar100


def real_data_dir():
    return prerequisites.data_dir("cifar100", "3.0.2")


_read_part = cifar100._read_part
_PARTS: dict[str, dict] = {}


def read_once(builder, part):
    if part not in _PARTS:
        _PARTS[part] = _read_part(builder, part)
    return _PARTS[part]


@functools.cache
def load(**arguments):
    """Loads the data, of which the files are read once for all tests."""
    with mock.patch.object(cifar100, "_read_part", read_once):
        return cifar100.load_cifar100(real_data_dir(), **arguments)


@functools.cache
def fine_numbers():
    """Returns the number of each fine class's name."""
    file = real_data_dir() / "cifar100" / "3.0.2" / "label.labels.txt"
    names = file.read_text().split()
    return {name: number for number, name in enumerate(names)}


class RealCifar100Test(absltest.TestCase):
    def setUp(self):
        super().setUp()
        real_data_dir()

    def test_every_task_has_five_labels_of_the_right_sizes(self):
        splits = load()
        self.assertLen(splits.task_names, 20)
        self.assertEqual(splits.image_shape, (32, 32, 3))
        for split, images in (
            ("train", 450),
            ("validation", 50),
            ("test", 100),
        ):
            for task, classes in splits.part(split).items():
                with self.subTest(f"{split} of {task}"):
                    np.testing.assert_array_equal(
                        np.unique(classes.labels, return_counts=True),
                        [range(5), [images] * 5],
                    )
        self.assertLen(
            {
                name
                for classes in splits.train.values()
                for name in classes.class_names
            },
            100,
        )

    def test_labels_are_places_among_the_fine_classes_of_the_task(self):
        """Image for image, by the pairs of labels as the data hold them."""
        test = load().test
        by_image = collections.defaultdict(set)
        for task, classes in test.items():
            for image, label in zip(
                classes.images, classes.labels, strict=True
            ):
                name = classes.class_names[label]
                # Some images are in the data twice, with two labels.
                by_image[image.tobytes()].add((task, name))
                self.assertEqual(
                    label,
                    sorted(classes.class_names, key=fine_numbers().get).index(
                        name
                    ),
                )
        builder = tfds.builder("cifar100:3.0.2", data_dir=real_data_dir())
        coarse, fine = (
            builder.info.features[key].names
            for key in ("coarse_label", "label")
        )
        for example in builder.as_dataset(split="test").take(3000):
            self.assertIn(
                (
                    coarse[int(example["coarse_label"])],
                    fine[int(example["label"])],
                ),
                by_image[example["image"].numpy().tobytes()],
            )

    def test_remainders_by_five_tell_no_task_apart(self):
        """The reason why labels are not `fine % 5`, as in published code."""
        labels = [
            {fine_numbers()[name] % 5 for name in classes.class_names}
            for classes in load().train.values()
        ]
        self.assertLess(max(map(len, labels)), 5)

    def test_splits_share_no_image_and_a_seed_fixes_them(self):
        first, other = load(), load(seed=1)
        repeated = cifar100.load_cifar100(real_data_dir())
        for task in ("people", "vehicles_2"):
            train, validation, test = (
                {image.tobytes() for image in first.part(split)[task].images}
                for split in ("train", "validation", "test")
            )
            self.assertLen(validation, 250)
            self.assertEmpty(validation & train)
            self.assertEmpty(validation & test)
            np.testing.assert_array_equal(
                first.validation[task].images, repeated.validation[task].images
            )
            np.testing.assert_array_equal(
                first.test[task].images, other.test[task].images
            )
            self.assertTrue(
                (
                    first.validation[task].images
                    != other.validation[task].images
                ).any()
            )

    def test_validation_size(self):
        with self.assertRaisesRegex(
            errors.InputError, "images_per_class: expected 1 to 499.*got 500"
        ):
            load(validation_images_per_class=500)


class Cifar100InputTest(parameterized.TestCase):
    def test_missing_folder(self):
        with self.assertRaisesRegex(
            errors.InputError, "data_dir: .*/absent: create it"
        ):
            cifar100.load_cifar100("/absent")

    def test_without_data_or_network(self):
        with (
            mock.patch.object(socket, "create_connection"),
            mock.patch.object(
                tfds.download.DownloadManager,
                "download_and_extract",
                side_effect=OSError("no route to\nhost"),
            ),
            self.assertRaisesRegex(
                errors.InputError,
                "has no cifar100/3.0.2.*no route to host.*network",
            ),
        ):
            cifar100.load_cifar100(self.create_tempdir().full_path)

    def test_other_classes_than_there_should_be(self):
        with (
            mock.patch.object(socket, "create_connection"),
            mock.patch.object(tfds.core.DatasetBuilder, "download_and_prepare"),
            mock.patch.object(
                cifar100, "_read_part", side_effect=ValueError("it holds\nless")
            ),
            self.assertRaisesRegex(
                errors.InputError,
                "CIFAR-100 in .* is incomplete or corrupt \\(it holds less\\)",
            ),
        ):
            cifar100.load_cifar100(self.create_tempdir().full_path)


if __name__ == "__main__":
    absltest.main()

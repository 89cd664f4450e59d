"""Labelled images in memory, grouped by class."""

from collections.abc import Sequence

import numpy as np

from tfmeta import errors
from tfmeta.tasks import arguments


class ImageClasses:
    """An immutable collection of labelled images, stored class by class.

    Classes may have different numbers of images. They are numbered from 0 in
    the order of their ids; images keep their order within a class.
    """

    def __init__(
        self,
        images: np.ndarray,
        class_ids: np.ndarray,
        class_names: Sequence[str] | None = None,
    ):
        """Validates the images and sorts a copy of them by class.

        Args:
            images: `[N, H, W, C]` or `[N, H, W]` (one channel); uint8 (0 to
                255) or finite floats, which are stored as float32.
            class_ids: the class of each image, `[N]`; any integers.
            class_names: one name for each class, in the order of increasing
                id. Default: the ids.

        Raises:
            InputError: if an argument is empty or has another rank, type or
                length than described, or if `images` has a NaN or infinity.
        """
        images = _checked_images(images)
        class_ids = _checked_class_ids(class_ids, num_images=len(images))
        order = np.argsort(class_ids, kind="stable")
        ids, counts = np.unique(class_ids, return_counts=True)
        if class_names is None:
            class_names = [str(class_id) for class_id in ids]
        if len(class_names) != len(ids):
            raise errors.InputError(
                f"class_names: expected one name for each of the {len(ids)} "
                f"classes in class_ids, got {len(class_names)}"
            )
        self._images = images[order]
        self._counts = counts
        self._class_names = tuple(str(name) for name in class_names)
        self._images.flags.writeable = False
        self._counts.flags.writeable = False

    @property
    def images(self) -> np.ndarray:
        """The images `[N, H, W, C]`, uint8 or float32, sorted by class."""
        return self._images

    @property
    def images_per_class(self) -> np.ndarray:
        """The number of images of each class, `[num_classes]`."""
        return self._counts

    @property
    def offsets(self) -> np.ndarray:
        """Where each class begins in `images`, `[num_classes]`."""
        return np.cumsum(self._counts) - self._counts

    @property
    def labels(self) -> np.ndarray:
        """The class of each image, `[N]` integers from 0."""
        return np.repeat(np.arange(self.num_classes), self._counts)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class."""
        return self._class_names

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self._counts)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self._images.shape
        return height, width, channels

    def __repr__(self) -> str:
        """Returns how many classes and images there are, and their shape."""
        fewest, most = self._counts.min(), self._counts.max()
        each = f"{most}" if fewest == most else f"{fewest} to {most}"
        return (
            f"<ImageClasses: {self.num_classes} classes of {each} images "
            f"{self.image_shape}, {self._images.dtype}>"
        )

    def class_images(self, class_index: int) -> np.ndarray:
        """Returns the images of one class, `[images_per_class, H, W, C]`."""
        if not 0 <= class_index < self.num_classes:
            raise errors.InputError(
                f"class_index: expected 0 to {self.num_classes - 1}, "
                f"got {class_index}"
            )
        start = self.offsets[class_index]
        return self._images[start : start + self._counts[class_index]]

    def select(self, class_indices: Sequence[int]) -> "ImageClasses":
        """Returns the given classes, in the given order.

        Args:
            class_indices: distinct numbers of classes, 0 to `num_classes - 1`.

        Raises:
            InputError: if there are none, or one is out of range or repeated.
        """
        indices = np.asarray(class_indices)
        if (
            indices.ndim != 1
            or not indices.size
            or not np.issubdtype(indices.dtype, np.integer)
            or indices.min() < 0
            or indices.max() >= self.num_classes
            or len(np.unique(indices)) != len(indices)
        ):
            raise errors.InputError(
                "class_indices: expected a list of one or more distinct "
                f"integers from 0 to {self.num_classes - 1}, got "
                f"{_shortened(class_indices)}"
            )
        return ImageClasses(
            np.concatenate([self.class_images(index) for index in indices]),
            np.repeat(np.arange(len(indices)), self._counts[indices]),
            [self._class_names[index] for index in indices],
        )

    def with_rotations(self) -> "ImageClasses":
        """Returns four times the classes: each also turned by 90, 180, 270.

        A class whose images are turned by 90 degrees is a new class (Santoro et
        al., 2016, section 4.1). Split the classes first, so that a character is
        not in two splits in different rotations.

        Raises:
            InputError: if the images are not square.
        """
        height, width, _ = self.image_shape
        if height != width:
            raise errors.InputError(
                "images: only square images can be turned by 90 degrees, "
                f"these are {height} by {width}"
            )
        return ImageClasses(
            np.concatenate(
                [np.rot90(self._images, turns, (1, 2)) for turns in range(4)]
            ),
            np.concatenate(
                [self.labels + turns * self.num_classes for turns in range(4)]
            ),
            [
                f"{name}/rot{90 * turns:03}"
                for turns in range(4)
                for name in self._class_names
            ],
        )

    def random_split(
        self, sizes: Sequence[int], *, seed: int = 0
    ) -> tuple["ImageClasses", ...]:
        """Splits the classes at random into disjoint parts.

        Args:
            sizes: the number of classes of each part, all positive. Classes
                beyond their sum are left out.
            seed: fixes the parts.

        Returns:
            One `ImageClasses` for each size.

        Raises:
            InputError: if a size is not positive, their sum is more than the
                number of classes, or the seed is negative.
        """
        arguments.check_numpy_seed(seed)
        if (
            not sizes
            or min(int(size) for size in sizes) < 1
            or sum(sizes) > self.num_classes
        ):
            raise errors.InputError(
                "sizes: expected positive numbers of classes with a sum of at "
                f"most {self.num_classes}, got {_shortened(sizes)}"
            )
        shuffled = np.random.default_rng(seed).permutation(self.num_classes)
        ends = np.cumsum(sizes)
        return tuple(
            self.select(np.sort(shuffled[end - size : end]).tolist())
            for size, end in zip(sizes, ends, strict=True)
        )

    def hold_out(
        self, images_per_class: int, *, seed: int = 0
    ) -> tuple["ImageClasses", "ImageClasses"]:
        """Splits the images of each class at random into two parts.

        Args:
            images_per_class: how many of each class are held out.
            seed: fixes which images these are.

        Returns:
            The other images and those held out, with the same classes.

        Raises:
            InputError: if a part of a class would be empty, or the seed is
                negative.
        """
        arguments.check_numpy_seed(seed)
        fewest = int(self._counts.min())
        if not 0 < images_per_class < fewest:
            raise errors.InputError(
                f"images_per_class: expected 1 to {fewest - 1}, fewer than "
                f"the images of any class, got {images_per_class}"
            )
        rng = np.random.default_rng(seed)
        is_held_out = np.zeros(len(self._images), bool)
        for start, count in zip(self.offsets, self._counts, strict=True):
            chosen = rng.choice(count, images_per_class, replace=False)
            is_held_out[start + chosen] = True
        rest, held_out = (
            ImageClasses(
                self._images[part], self.labels[part], self._class_names
            )
            for part in (~is_held_out, is_held_out)
        )
        return rest, held_out


def _checked_images(images: np.ndarray) -> np.ndarray:
    images = _as_array(images, "images")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or not images.size:
        raise errors.InputError(
            "images: expected a non-empty array [N, H, W, C] or [N, H, W], "
            f"got shape {list(images.shape)}"
        )
    if np.issubdtype(images.dtype, np.floating):
        with np.errstate(over="ignore"):  # Infinity is refused below.
            images = images.astype(np.float32)
        finite = np.isfinite(images).reshape(len(images), -1).all(axis=1)
        if not finite.all():
            raise errors.InputError(
                "images: expected finite numbers, got NaN or infinity in "
                f"{np.count_nonzero(~finite)} of {len(images)} images, first "
                f"in image {np.argmin(finite)}"
            )
    elif images.dtype != np.uint8:
        raise errors.InputError(
            f"images: expected uint8 or floats, got {images.dtype}"
        )
    return images


def _checked_class_ids(class_ids: np.ndarray, *, num_images: int) -> np.ndarray:
    class_ids = _as_array(class_ids, "class_ids")
    if class_ids.ndim != 1:
        raise errors.InputError(
            "class_ids: expected a vector [N], got shape "
            f"{list(class_ids.shape)}"
        )
    if not np.issubdtype(class_ids.dtype, np.integer):
        raise errors.InputError(
            f"class_ids: expected integers, got {class_ids.dtype}"
        )
    if len(class_ids) != num_images:
        raise errors.InputError(
            f"class_ids: expected one for each of the {num_images} images, "
            f"got {len(class_ids)}"
        )
    return class_ids


def _as_array(values: np.ndarray, argument: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise errors.InputError(
            f"{argument}: expected an array, got rows of different shapes"
        ) from error


def _shortened(values: object, length: int = 60) -> str:
    text = str(values)
    return text if len(text) <= length else text[:length] + " ..."

"""A user's own images: a folder with one sub-folder for each class."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.tasks.images import image_classes

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


def load_image_folder(
    path: str | os.PathLike[str],
    *,
    image_size: int = 28,
    channels: int = 1,
    invert: bool = False,
) -> image_classes.ImageClasses:
    """Returns the images of a folder that has one sub-folder for each class.

    The classes are the sub-folders in the order of their names, and are named
    after them. Files that are hidden, or do not have the suffix of a PNG, JPEG,
    BMP or GIF image, are passed over; `load_images` reads the others.

    Args:
        path: the folder.
        image_size: height and width to resize to, in pixels.
        channels: 1 for grey or 3 for colour.
        invert: whether to exchange light and dark, so that dark ink on light
            paper becomes ink = 255 on background 0.

    Returns:
        Classes of uint8 images `[N, image_size, image_size, channels]`.

    Raises:
        InputError: if there is no such folder, it has no sub-folders, one of
            them has no images, or an image cannot be read.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise errors.InputError(
            f"path: expected a folder with a sub-folder for each class, got "
            f"{folder}, which is no folder"
        )
    class_folders = [
        child
        for child in _sorted_children(folder)
        if child.is_dir() and not child.name.startswith(".")
    ]
    if not class_folders:
        raise errors.InputError(
            f"path: expected a folder with a sub-folder for each class, but "
            f"{folder} has none"
        )
    files = [list_images(class_folder) for class_folder in class_folders]
    return image_classes.ImageClasses(
        load_images(
            [file for of_class in files for file in of_class],
            image_size=image_size,
            channels=channels,
            invert=invert,
        ),
        np.repeat(
            np.arange(len(class_folders)), [len(of_class) for of_class in files]
        ),
        [class_folder.name for class_folder in class_folders],
    )


def list_images(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Returns the image files in a folder, in the order of their names.

    Raises:
        InputError: if there is no such folder or no image in it.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise errors.InputError(
            f"path: expected a folder of images, got {folder}, which is none"
        )
    files = [
        child
        for child in _sorted_children(folder)
        if child.suffix.lower() in SUFFIXES and not child.name.startswith(".")
    ]
    if not files:
        raise errors.InputError(
            f"path: expected images ({', '.join(SUFFIXES)}) in {folder}, "
            "found none"
        )
    return files


def load_images(
    paths: Sequence[str | os.PathLike[str]],
    *,
    image_size: int = 28,
    channels: int = 1,
    invert: bool = False,
) -> np.ndarray:
    """Reads images from files.

    Transparent parts become white. An image is stretched to a square with
    antialiasing; of an animation the first frame is taken.

    Args:
        paths: the files: PNG, JPEG, BMP or GIF.
        image_size: height and width to resize to, in pixels.
        channels: 1 for grey or 3 for colour.
        invert: whether to exchange light and dark.

    Returns:
        uint8 images `[len(paths), image_size, image_size, channels]`.

    Raises:
        InputError: if there are no paths or an image cannot be read.
    """
    if not paths:
        raise errors.InputError("paths: expected one image or more, got none")
    if image_size < 1:
        raise errors.InputError(
            f"image_size: expected a positive number, got {image_size}"
        )
    if channels not in (1, 3):
        raise errors.InputError(
            f"channels: expected 1 (grey) or 3 (colour), got {channels}"
        )
    images = np.stack(
        [_read(pathlib.Path(path), image_size, channels) for path in paths]
    )
    return 255 - images if invert else images


def _sorted_children(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise errors.InputError(
            f"path: cannot list {folder}: {error.strerror}"
        ) from error


def _read(path: pathlib.Path, image_size: int, channels: int) -> np.ndarray:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise errors.InputError(
            f"paths: cannot read the image {path}: {error.strerror}"
        ) from error
    try:
        pixels = tf.io.decode_image(content, expand_animations=False)
    except tf.errors.InvalidArgumentError as error:
        raise errors.InputError(
            f"paths: {path} is not a readable PNG, JPEG, BMP or GIF image: "
            "mend or remove it"
        ) from error
    pixels = tf.cast(pixels, tf.float32)
    if pixels.shape[-1] in (2, 4):
        opacity = pixels[..., -1:] / 255.0
        pixels = opacity * pixels[..., :-1] + (1.0 - opacity) * 255.0
    if pixels.shape[-1] == 3 and channels == 1:
        pixels = tf.image.rgb_to_grayscale(pixels)
    elif pixels.shape[-1] == 1 and channels == 3:
        pixels = tf.image.grayscale_to_rgb(pixels)
    resized = tf.image.resize(pixels, [image_size, image_size], antialias=True)
    return tf.cast(
        tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8
    ).numpy()

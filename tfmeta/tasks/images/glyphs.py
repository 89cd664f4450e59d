"""Characters of many scripts, rendered from the fonts of matplotlib.

A source of few-shot tasks much like Omniglot that needs no download: a class
is a letter, its images are the letter in several faces (upright, slanted,
bold, serif, monospaced) with small random affine changes.
"""

import os

import numpy as np

from tfmeta import errors
from tfmeta.tasks import arguments, splits
from tfmeta.tasks.images import image_classes, letter_images

IMAGES_PER_CLASS = 20


def load_glyphs(
    *,
    seed: int = 0,
    meta_validation_share: float = 0.06,
    meta_test_share: float = 0.20,
    image_size: int = 28,
    characters: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> splits.Splits[image_classes.ImageClasses]:
    """Returns letters of many scripts, split at random by class.

    The letters are those of Unicode's categories Lu, Ll, Lt and Lo that are
    not composed of others (no accents, ligatures or styled copies) and that
    at least 4 of 16 faces have. Of letters that look the same, such as the
    Latin A, the Greek Alpha and the Cyrillic A, the first is kept. A class is
    named after its letter and has 20 images, which take turns in its faces.
    Each is rotated by up to 10 degrees, sheared by up to 0.15, scaled by 0.85
    to 1.1 and shifted by up to 8% of the side. Ink is 255, the background 0.

    The seed does not change the images. They are rendered once and cached.
    matplotlib provides the fonts; another version of it may have other letters.

    Args:
        seed: fixes which classes are in which split.
        meta_validation_share: the share of the classes in meta-validation.
        meta_test_share: the share of the classes in meta-test. The others
            are in meta-train.
        image_size: height and width of the images in pixels.
        characters: only these letters, if they are suitable.
        cache_dir: folder for the rendered images. Default: that of
            `tfmeta.tasks.cache`.

    Returns:
        The splits, of uint8 images `[N, image_size, image_size, 1]`.

    Raises:
        InputError: if matplotlib is not installed or lacks its fonts, or an
            argument leaves a split without classes.
    """
    arguments.check_image_size(image_size)
    rendered = letter_images.render_letters(
        characters, IMAGES_PER_CLASS, image_size=image_size, cache_dir=cache_dir
    )
    images, letters = rendered["images"], rendered["letters"]
    classes = image_classes.ImageClasses(
        images.reshape([-1, image_size, image_size, 1]),
        np.repeat(np.arange(len(letters)), IMAGES_PER_CLASS),
        letters.tolist(),
    )
    return splits.Splits(
        *classes.random_split(
            _split_sizes(
                classes.num_classes, meta_validation_share, meta_test_share
            ),
            seed=seed,
        )
    )


def _split_sizes(
    num_classes: int, meta_validation_share: float, meta_test_share: float
) -> tuple[int, int, int]:
    shares = (meta_validation_share, meta_test_share)
    validation, test = (
        round(num_classes * share) if 0.0 < share < 1.0 else 0
        for share in shares
    )
    train = num_classes - validation - test
    if min(train, validation, test) < 1:
        raise errors.InputError(
            "meta_validation_share, meta_test_share: expected shares that "
            f"leave each split some of the {num_classes} classes, got "
            f"{shares[0]} and {shares[1]}"
        )
    return train, validation, test

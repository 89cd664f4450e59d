"""Images of letters, each with a random affine change."""

import functools
import importlib.metadata
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfmeta import errors
from tfmeta.tasks import cache, progress
from tfmeta.tasks.images import letter_fonts, letter_likeness

if TYPE_CHECKING:
    from PIL import Image

# The random changes. Lengths are shares of the image's side.
_EXTENT = 0.72  # The longer side of the letter.
_SCALES = (0.85, 1.1)
_MAX_ROTATION = math.radians(10.0)
_MAX_SHEAR = 0.15
_MAX_SHIFT = 0.08
_MARGIN = 0.05  # Stays empty.
_SUPERSAMPLING = 4

# To be changed with anything here, in letter_fonts or in letter_likeness that
# changes an image.
_VERSION = 1


def render_letters(
    characters: str | None,
    images_per_class: int,
    *,
    image_size: int = 28,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Mapping[str, np.ndarray]:
    """Renders letters, or reads them from the cache, see `glyphs.load_glyphs`.

    Args:
        characters: only these letters, if they are suitable.
        images_per_class: images of each. With more images the first are the
            same.
        image_size: height and width of the images in pixels.
        cache_dir: folder for the rendered images. Default: that of
            `tfmeta.tasks.cache`.

    Returns:
        `"letters"` `[L]`, in Unicode's order; `"images"` `[L, images_per_class,
        image_size, image_size]`, uint8; `"faces"` `[L, images_per_class]`, the
        numbers of their faces.

    Raises:
        InputError: if matplotlib is not installed or lacks its fonts, or none
            of the letters is suitable.
    """
    key = (
        f"glyphs {_VERSION}, {images_per_class} images of {image_size} pixels, "
        f"matplotlib {_installed_version('matplotlib')}, "
        f"Pillow {_installed_version('pillow')}, numpy {np.__version__}, "
        f"characters {'all' if characters is None else sorted(set(characters))}"
    )
    return cache.cached_arrays(
        "glyphs",
        key,
        functools.partial(
            _render_all, characters, images_per_class, image_size
        ),
        folder=cache_dir,
    )


def _installed_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise errors.InputError(
            f"glyphs: need {package}, which is not installed: "
            "pip install tfmeta[glyphs]"
        ) from error


def _render_all(
    characters: str | None, images_per_class: int, image_size: int
) -> Mapping[str, np.ndarray]:
    print("Rendering glyphs, once: they are cached for the next time.")
    pictures = letter_fonts.draw_letters(characters)
    letters = letter_likeness.distinct_letters(pictures)
    if not letters:
        raise errors.InputError(
            "characters: expected letters that are not composed of others "
            f"and that {letter_fonts.MIN_FACES} of the faces have, got "
            f"{characters!r}"
        )
    bar = progress.rendering_bar(len(letters), "letter")
    images = np.empty(
        [len(letters), images_per_class, image_size, image_size], np.uint8
    )
    faces = np.empty([len(letters), images_per_class], np.uint8)
    for index, letter in enumerate(letters):
        # A letter's images do not depend on which others there are.
        random = np.random.default_rng(ord(letter))
        faces[index] = np.resize(list(pictures[letter]), images_per_class)
        for number, face in enumerate(faces[index]):
            images[index, number] = _render(
                pictures[letter][face], image_size, random
            )
        bar.update(index + 1)
    return {"letters": np.array(letters), "images": images, "faces": faces}


def _render(
    picture: "Image.Image", image_size: int, random: np.random.Generator
) -> np.ndarray:
    """Returns the picture after a random affine change, and antialiased."""
    from PIL import Image

    side = image_size * _SUPERSAMPLING
    scale = _EXTENT * side / max(picture.size) * random.uniform(*_SCALES)
    angle = random.uniform(-_MAX_ROTATION, _MAX_ROTATION)
    shear = random.uniform(-_MAX_SHEAR, _MAX_SHEAR)
    rotation = np.array(
        [
            [math.cos(angle), -math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
    )
    matrix = scale * rotation @ np.array([[1.0, shear], [0.0, 1.0]])
    # A letter that would stick out is made smaller.
    half_extent = np.abs(matrix) @ np.array(picture.size) / 2.0
    room = side * (0.5 - _MARGIN)
    shrinkage = min(1.0, room / half_extent.max())
    matrix *= shrinkage
    shift = random.uniform(-1.0, 1.0, 2) * np.minimum(
        _MAX_SHIFT * side, room - shrinkage * half_extent
    )
    # Pillow takes the inverse map, from the image to the picture.
    inverse = np.linalg.inv(matrix)
    offset = np.array(picture.size) / 2.0 - inverse @ (side / 2.0 + shift)
    changed = picture.transform(
        (side, side),
        Image.Transform.AFFINE,
        (*inverse[0], offset[0], *inverse[1], offset[1]),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(changed.reduce(_SUPERSAMPLING))

"""Characters of many scripts, rendered from the fonts of matplotlib.

A source of few-shot tasks much like Omniglot that needs no download: a class
is a letter, its images are the letter in several faces (upright, slanted,
bold, serif, monospaced) with small random affine changes.
"""

import functools
import importlib.metadata
import math
import os
import pathlib
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfmeta import errors
from tfmeta.tasks import arguments, cache, splits
from tfmeta.tasks.images import image_classes

if TYPE_CHECKING:
    from PIL import Image, ImageFont

IMAGES_PER_CLASS = 20

# Letters are rendered in all of these faces that have them.
_FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)
_MIN_FACES = 4

# Cased and uncased letters; no modifiers, which are other letters made small.
_CATEGORIES = ("Lu", "Ll", "Lt", "Lo")

# Two letters look the same if their pictures, brought to one coarse size,
# correlate more than this in any face that has both. Coarse, so that small
# shifts of thin strokes (S and s, a capital and a small Cyrillic letter of
# one shape) do not tell letters apart.
_MAX_CORRELATION = 0.9
_COMPARED_SIZE = 16

_FONT_SIZE = 96  # Pixels to the em.
_MIN_EXTENT = _FONT_SIZE // 3  # Leaves out dots and dashes.

# The random changes; lengths are shares of the image's side.
_EXTENT = 0.72  # The longer side of the letter.
_SCALES = (0.85, 1.1)
_MAX_ROTATION = math.radians(10.0)
_MAX_SHEAR = 0.15
_MAX_SHIFT = 0.08
_MARGIN = 0.05  # Stays empty.
_SUPERSAMPLING = 4

# To be changed with anything above or below that changes an image.
_VERSION = 1


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
    named after its letter and has 20 images, one turn after the other through
    its faces; each is rotated by up to 10 degrees, sheared by up to 0.15,
    scaled by 0.85 to 1.1 and shifted by up to 8% of the side. Ink is 255, the
    background 0.

    The images are the same whatever the seed. They are rendered once and
    cached; matplotlib provides the fonts, and another version of it may have
    other letters.

    Args:
        seed: fixes which classes are in which split.
        meta_validation_share: the share of the classes in meta-validation.
        meta_test_share: the share of the classes in meta-test. The others
            are in meta-train.
        image_size: height and width of the images in pixels.
        characters: only these letters, as far as they are suitable.
        cache_dir: folder for the rendered images. Default: that of
            `tfmeta.tasks.cache`.

    Returns:
        The splits, of uint8 images `[N, image_size, image_size, 1]`.

    Raises:
        InputError: if matplotlib is not installed or lacks its fonts, or an
            argument leaves a split without classes.
    """
    arguments.check_image_size(image_size)
    rendered = render_letters(
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


def render_letters(
    characters: str | None,
    images_per_class: int,
    *,
    image_size: int = 28,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Mapping[str, np.ndarray]:
    """Renders letters, or reads them from the cache, see `load_glyphs`.

    Args:
        characters: only these letters, as far as they are suitable.
        images_per_class: images of each. With another number of them the first
            are the same.
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
    glyphs = _read_glyphs(characters)
    letters = _distinct_letters(glyphs)
    if not letters:
        raise errors.InputError(
            "characters: expected letters that are not composed of others "
            f"and that {_MIN_FACES} of the faces have, got {characters!r}"
        )
    progress = keras.utils.Progbar(
        len(letters),
        unit_name="letter",
        interval=0.2 if sys.stdout.isatty() else 10.0,
    )
    images = np.empty(
        [len(letters), images_per_class, image_size, image_size], np.uint8
    )
    faces = np.empty([len(letters), images_per_class], np.uint8)
    for index, letter in enumerate(letters):
        # A letter's images do not depend on which others there are.
        random = np.random.default_rng(ord(letter))
        faces[index] = np.resize(list(glyphs[letter]), images_per_class)
        for number, face in enumerate(faces[index]):
            images[index, number] = _render(
                glyphs[letter][face], image_size, random
            )
        progress.update(index + 1)
    return {"letters": np.array(letters), "images": images, "faces": faces}


def _read_glyphs(
    characters: str | None,
) -> dict[str, dict[int, "Image.Image"]]:
    """Returns the candidates' tightly cropped pictures: by letter, by face."""
    # Only here, for matplotlib and Pillow are an optional extra, and a cached
    # load needs neither.
    import matplotlib
    from matplotlib import ft2font
    from PIL import ImageFont

    folder = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    glyphs: dict[str, dict[int, Image.Image]] = {}
    for face, name in enumerate(_FACES):
        path = folder / f"{name}.ttf"
        if not path.is_file():
            raise errors.InputError(
                f"glyphs: the font {path} is missing: install matplotlib "
                "with pip, which brings its fonts"
            )
        # Without a layout engine a character has its own glyph, whichever
        # libraries Pillow was built with.
        font = ImageFont.truetype(
            str(path), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC
        )
        for letter in map(chr, ft2font.FT2Font(str(path)).get_charmap()):
            if _is_candidate(letter) and (
                characters is None or letter in characters
            ):
                picture = _draw(letter, font)
                if picture is not None:
                    glyphs.setdefault(letter, {})[face] = picture
    return {
        letter: glyphs[letter]
        for letter in sorted(glyphs)
        if len(glyphs[letter]) >= _MIN_FACES
    }


def _is_candidate(character: str) -> bool:
    return unicodedata.category(
        character
    ) in _CATEGORIES and not unicodedata.decomposition(character)


def _draw(letter: str, font: "ImageFont.FreeTypeFont") -> "Image.Image | None":
    """Returns the letter, cropped; None if there is too little of it."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (3 * _FONT_SIZE, 3 * _FONT_SIZE))
    ImageDraw.Draw(canvas).text(
        (_FONT_SIZE, _FONT_SIZE), letter, fill=255, font=font
    )
    box = canvas.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < _MIN_EXTENT:
        return None
    return canvas.crop(box)


def _distinct_letters(
    glyphs: Mapping[str, Mapping[int, "Image.Image"]],
) -> list[str]:
    """Returns the letters without those that look like an earlier one."""
    letters = list(glyphs)
    highest = np.full([len(letters), len(letters)], -1.0)
    for face in range(len(_FACES)):
        having = [
            i for i, letter in enumerate(letters) if face in glyphs[letter]
        ]
        pictures = [_to_one_size(glyphs[letters[i]][face]) for i in having]
        if pictures:
            pairs = np.ix_(having, having)
            highest[pairs] = np.maximum(highest[pairs], _correlations(pictures))
    kept: list[int] = []
    for index in range(len(letters)):
        if not (highest[index, kept] > _MAX_CORRELATION).any():
            kept.append(index)
    return [letters[index] for index in kept]


def _to_one_size(picture: "Image.Image") -> np.ndarray:
    from PIL import Image

    scale = _COMPARED_SIZE / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    canvas = Image.new("L", (_COMPARED_SIZE, _COMPARED_SIZE))
    canvas.paste(
        picture.resize((width, height), Image.Resampling.BOX),
        ((_COMPARED_SIZE - width) // 2, (_COMPARED_SIZE - height) // 2),
    )
    return np.asarray(canvas)


def _correlations(pictures: Sequence[np.ndarray]) -> np.ndarray:
    # Sums of products of whole numbers are exact in float64, in any order, so
    # that every machine keeps the same letters.
    flat = np.array(pictures, np.float64).reshape([len(pictures), -1])
    sums = flat.sum(axis=1)
    covariances = flat.shape[1] * (flat @ flat.T) - np.outer(sums, sums)
    deviations = np.sqrt(np.diagonal(covariances))
    # A picture that is all ink has no deviation, and looks like another such.
    return np.divide(
        covariances,
        np.outer(deviations, deviations),
        out=np.ones_like(covariances),
        where=np.outer(deviations, deviations) > 0,
    )


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
    # What would stick out is made smaller.
    half_extent = np.abs(matrix) @ np.array(picture.size) / 2.0
    room = side * (0.5 - _MARGIN)
    shrinkage = min(1.0, room / half_extent.max())
    matrix *= shrinkage
    shift = random.uniform(-1.0, 1.0, 2) * np.minimum(
        _MAX_SHIFT * side, room - shrinkage * half_extent
    )
    # Pillow asks for the way back, from the image to the picture.
    inverse = np.linalg.inv(matrix)
    offset = np.array(picture.size) / 2.0 - inverse @ (side / 2.0 + shift)
    changed = picture.transform(
        (side, side),
        Image.Transform.AFFINE,
        (*inverse[0], offset[0], *inverse[1], offset[1]),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(changed.reduce(_SUPERSAMPLING))

"""Omniglot: 1623 handwritten characters of 50 alphabets, 20 drawings each.

Lake, Salakhutdinov and Tenenbaum: Human-level concept learning through
probabilistic program induction. Science 350, 2015.
"""

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.tasks import arguments, splits
from tfmeta.tasks.images import image_classes, tfds_reader

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

SPLITS = ("random", "vinyals", "background_evaluation")

_NUM_CLASSES = 1623
_NUM_IMAGES = 20 * _NUM_CLASSES
_NUM_BACKGROUND = 964
# The sizes of Yin et al. (2020), section 6.3: 1200 characters to learn from.
_NUM_RANDOM_META_TEST = 423

# The split of Vinyals et al. (2016) with validation classes, as listed by
# jakesnell/prototypical-networks (data/omniglot/splits/vinyals) and
# tristandeleu/pytorch-meta (torchmeta/datasets/assets/omniglot). These
# alphabets are in meta-validation,
_VINYALS_VALIDATION = (
    "Armenian",
    "Bengali",
    "Early_Aramaic",
    "Hebrew",
    "Mkhedruli_(Georgian)",
)
# these in meta-test, all others in meta-train. Of one alphabet characters 1
# to 41 are in meta-train and those from 42 on in meta-test.
_VINYALS_TEST = (
    "Kannada",
    "Keble",
    "Malayalam",
    "Manipuri",
    "Mongolian",
    "Old_Church_Slavonic_(Cyrillic)",
    "Oriya",
    "Sylheti",
    "Syriac_(Serto)",
    "Tengwar",
    "Tibetan",
    "ULOG",
)
_VINYALS_DIVIDED = ("Gurmukhi", 42)


def load_omniglot(
    data_dir: str | os.PathLike[str] | None = None,
    *,
    split: str = "random",
    seed: int = 0,
    rotations: bool = False,
    validation_classes: int = 100,
    image_size: int = 28,
) -> splits.Splits[image_classes.ImageClasses]:
    """Returns Omniglot through TensorFlow Datasets, downloaded if need be.

    Ink is 255, the background 0. The drawings of 105 by 105 pixels are
    resized by area: a pixel is the mean of what it covers. A class is named
    after its alphabet and number, like `Greek/character01`.

    `split` is one of `SPLITS`:

    - `"random"`: 423 characters drawn at random are in meta-test, and
      `validation_classes` of the other 1200 in meta-validation (the sizes of
      Yin et al., 2020, section 6.3).
    - `"vinyals"`: 1028, 172 and 423 characters, mostly by alphabet (Vinyals
      et al., 2016). `seed` and `validation_classes` do not change it.
    - `"background_evaluation"`: the 659 characters of the 20 evaluation
      alphabets are in meta-test, and `validation_classes` of the 964 of the
      30 background alphabets in meta-validation (Lake et al., 2015).

    Args:
        data_dir: the folder of TensorFlow Datasets, which holds or is to hold
            `omniglot/3.0.0`. Default: that of TensorFlow Datasets.
        split: one of `SPLITS`.
        seed: fixes what is drawn at random.
        rotations: whether each split gets four times the classes, by turns of
            90 degrees.
        validation_classes: the number of classes in meta-validation, before
            rotations.
        image_size: height and width of the images in pixels.

    Returns:
        The splits, of uint8 images `[N, image_size, image_size, 1]`.

    Raises:
        InputError: if Omniglot cannot be read from `data_dir` or downloaded,
            or an argument is unknown or out of range.
    """
    arguments.check_choice("split", split, SPLITS)
    arguments.check_image_size(image_size)
    num_remaining = (
        _NUM_BACKGROUND
        if split == "background_evaluation"
        else _NUM_CLASSES - _NUM_RANDOM_META_TEST
    )
    if not 0 < validation_classes < num_remaining:
        raise errors.InputError(
            f"validation_classes: expected 1 to {num_remaining - 1} of the "
            f"{num_remaining} characters that split {split!r} does not test "
            f"on, got {validation_classes}"
        )
    background, evaluation = _read(data_dir, image_size)
    sizes = [num_remaining - validation_classes, validation_classes]
    if split == "vinyals":
        parts = _vinyals_split(_joined(background, evaluation))
    elif split == "background_evaluation":
        parts = (*background.random_split(sizes, seed=seed), evaluation)
    else:
        parts = _joined(background, evaluation).random_split(
            [*sizes, _NUM_RANDOM_META_TEST], seed=seed
        )
    if rotations:
        parts = tuple(part.with_rotations() for part in parts)
    return splits.Splits(*parts)


def _vinyals_split(
    classes: image_classes.ImageClasses,
) -> tuple[image_classes.ImageClasses, ...]:
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    divided, first_tested = _VINYALS_DIVIDED
    for index, name in enumerate(classes.class_names):
        alphabet, character = name.split("/character")
        if alphabet in _VINYALS_VALIDATION:
            part = 1
        elif alphabet in _VINYALS_TEST or (
            alphabet == divided and int(character) >= first_tested
        ):
            part = 2
        else:
            part = 0
        parts[part].append(index)
    return tuple(classes.select(part) for part in parts)


def _joined(
    *parts: image_classes.ImageClasses,
) -> image_classes.ImageClasses:
    """Returns all classes of all parts, in the order of their names."""
    names = [name for part in parts for name in part.class_names]
    order = np.argsort(names)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(names))
    counts = np.concatenate([part.images_per_class for part in parts])
    return image_classes.ImageClasses(
        np.concatenate([part.images for part in parts]),
        np.repeat(rank, counts),
        sorted(names),
    )


def _read(
    data_dir: str | os.PathLike[str] | None, image_size: int
) -> tuple[image_classes.ImageClasses, image_classes.ImageClasses]:
    """Returns the background and the evaluation alphabets."""

    def read_parts(builder):
        background, evaluation = (
            _read_part(builder, part, image_size) for part in ("train", "test")
        )
        if (
            background.num_classes != _NUM_BACKGROUND
            or background.num_classes + evaluation.num_classes != _NUM_CLASSES
            or len(background.images) + len(evaluation.images) != _NUM_IMAGES
        ):
            raise ValueError(f"it holds {background} and {evaluation}")
        return background, evaluation

    return tfds_reader.read(
        "omniglot:3.0.0", "Omniglot", data_dir, read_parts, host="github.com"
    )


def _read_part(
    builder: "tfds.core.DatasetBuilder", part: str, image_size: int
) -> image_classes.ImageClasses:
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(
        split=part,
        decoders={"image": tfds.decode.SkipDecoding()},
        shuffle_files=False,
    )

    def read(example: dict[str, Any]) -> tuple[tf.Tensor, ...]:
        image = tf.io.decode_png(example["image"], channels=1)
        ink = tf.image.resize(
            255.0 - tf.cast(image, tf.float32),
            [image_size, image_size],
            method=tf.image.ResizeMethod.AREA,
        )
        return (
            tf.cast(tf.round(ink), tf.uint8),
            example["alphabet"],
            example["alphabet_char_id"],
        )

    batches = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(1024)
    images, alphabets, characters = (
        np.concatenate(column)
        for column in zip(*batches.as_numpy_iterator(), strict=True)
    )
    alphabet_names = builder.info.features["alphabet"].names
    names, class_ids = np.unique(
        [
            f"{alphabet_names[alphabet]}/character{character + 1:02}"
            for alphabet, character in zip(alphabets, characters, strict=True)
        ],
        return_inverse=True,
    )
    return image_classes.ImageClasses(images, class_ids, names.tolist())

"""Letters of several scripts as tasks: each task is to classify one script.

Multi-task data that need no download. The letters are those of `load_glyphs`.
"""

import os

import numpy as np

from tfmeta import errors
from tfmeta.tasks import arguments
from tfmeta.tasks.images import image_classes, letter_images, task_splits

# Blocks of Unicode, each with ten letters or more that do not look like an
# earlier one in any face that has both.
_SCRIPTS = {
    "latin_capital": ("A", "Z"),
    "latin_small": ("a", "z"),
    "greek": ("α", "ω"),
    "cyrillic": ("А", "я"),
    "armenian_capital": ("Ա", "Ֆ"),
    "armenian_small": ("ա", "ֆ"),
    "georgian": ("ა", "ჰ"),
}
CLASSES_PER_TASK = 10

# The faces of DejaVu, which have all of these scripts.
_NUM_FACES = 12
_FACES_PER_SPLIT = (4, 3, 5)
_IMAGES_PER_FACE = 5
# A letter may have four more faces, and its images take turns in all of them.
_IMAGES_PER_CLASS = _IMAGES_PER_FACE * (_NUM_FACES + 4)


def load_glyph_tasks(
    *,
    seed: int = 0,
    cache_dir: str | os.PathLike[str] | None = None,
) -> task_splits.TaskSplits:
    """Returns seven tasks: to classify ten letters of a script each.

    Each letter has 20 images for training, 15 for validation and 25 for test:
    five random affine changes of each of 12 faces (upright, slanted, bold,
    serif, monospaced). Train, validation and test have no face of a letter in
    common. But other letters have that face, also in other tasks, so that the
    tasks have something to share.

    Args:
        seed: fixes which faces of a letter are in which split.
        cache_dir: folder for the rendered images. Default: that of
            `tfmeta.tasks.cache`.

    Returns:
        The tasks, of uint8 images `[N, 28, 28, 1]`.

    Raises:
        InputError: if matplotlib is not installed or lacks fonts or letters, or
            the seed is negative.
    """
    arguments.check_numpy_seed(seed)
    characters = "".join(
        chr(code)
        for first, last in _SCRIPTS.values()
        for code in range(ord(first), ord(last) + 1)
    )
    rendered = letter_images.render_letters(
        characters, _IMAGES_PER_CLASS, cache_dir=cache_dir
    )
    letters, faces = rendered["letters"], rendered["faces"]
    suitable = (faces < _NUM_FACES).sum(1) >= _NUM_FACES * _IMAGES_PER_FACE
    parts: tuple[dict, dict, dict] = ({}, {}, {})
    for task, (first, last) in _SCRIPTS.items():
        (chosen,) = np.nonzero(
            suitable & (letters >= first) & (letters <= last)
        )
        if len(chosen) < CLASSES_PER_TASK:
            raise errors.InputError(
                f"glyphs: found {len(chosen)} letters of {task}, expected "
                f"{CLASSES_PER_TASK}: install another matplotlib"
            )
        chosen = chosen[:CLASSES_PER_TASK]
        for part, numbers in zip(
            parts,
            _split_by_face(faces[chosen], letters[chosen], seed),
            strict=True,
        ):
            part[task] = image_classes.ImageClasses(
                rendered["images"][chosen[:, np.newaxis], numbers].reshape(
                    [-1, *rendered["images"].shape[2:]]
                ),
                np.repeat(np.arange(len(chosen)), numbers.shape[1]),
                letters[chosen].tolist(),
            )
    return task_splits.TaskSplits(*parts)


def _split_by_face(faces, letters, seed: int) -> list[np.ndarray]:
    """Returns for each split the numbers of each letter's images."""
    by_letter = []
    for of_images, letter in zip(faces, letters, strict=True):
        order = np.random.default_rng([seed, ord(letter)]).permutation(
            _NUM_FACES
        )
        of_faces = [
            np.flatnonzero(of_images == face)[:_IMAGES_PER_FACE]
            for face in order
        ]
        by_letter.append(np.concatenate(of_faces))
    borders = np.cumsum(_FACES_PER_SPLIT[:-1]) * _IMAGES_PER_FACE
    return np.split(np.stack(by_letter), borders, axis=1)

"""Finds letters that look the same."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# Two letters look the same if their pictures, brought to one coarse size,
# correlate more than this in any face that has both. The size is coarse so that
# letters which differ by small shifts of thin strokes (S and s, a capital and a
# small Cyrillic letter of one shape) look the same.
_MAX_CORRELATION = 0.9
_COMPARED_SIZE = 16


def distinct_letters(
    pictures: Mapping[str, Mapping[int, "Image.Image"]],
) -> list[str]:
    """Returns the letters without those that look like an earlier one.

    Args:
        pictures: of each letter, by the number of the face.

    Returns:
        The letters, in their order.
    """
    letters = list(pictures)
    highest = np.full([len(letters), len(letters)], -1.0)
    for face in sorted({face for faces in pictures.values() for face in faces}):
        having = [
            i for i, letter in enumerate(letters) if face in pictures[letter]
        ]
        pairs = np.ix_(having, having)
        highest[pairs] = np.maximum(
            highest[pairs],
            _correlations(
                [_to_one_size(pictures[letters[i]][face]) for i in having]
            ),
        )
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
    # Pictures that are all ink have no deviation; they look the same.
    return np.divide(
        covariances,
        np.outer(deviations, deviations),
        out=np.ones_like(covariances),
        where=np.outer(deviations, deviations) > 0,
    )

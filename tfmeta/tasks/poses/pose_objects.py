"""Images of objects at known azimuths."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfmeta import errors

# A full turn in units of labels. So the unit of mean squared errors is a tenth
# of a turn, squared.
FULL_TURN = 10.0


@dataclasses.dataclass(frozen=True)
class PoseObjects:
    """Images of objects at known azimuths.

    Attributes:
        images: uint8 `[objects, renders, height, width, channels]`.
        azimuths: radians, 0 to 2 pi, `[objects, renders]`.
        names: one for each object.

    Raises:
        InputError: if there are no objects or images, or their numbers differ.
    """

    images: np.ndarray
    azimuths: np.ndarray
    names: Sequence[str]

    def __post_init__(self):
        images = self.images
        if images.ndim != 5 or images.dtype != np.uint8 or not images.size:
            raise errors.InputError(
                "images: expected uint8 [objects, renders, height, width, "
                f"channels], got {images.dtype} {list(images.shape)}"
            )
        if self.azimuths.shape != images.shape[:2]:
            raise errors.InputError(
                f"azimuths: expected one for each of the {len(images)} x "
                f"{images.shape[1]} images, got {list(self.azimuths.shape)}"
            )
        if not np.isfinite(self.azimuths).all():
            raise errors.InputError("azimuths: expected finite numbers")
        if len(self.names) != len(images):
            raise errors.InputError(
                f"names: expected one for each of the {len(images)} objects, "
                f"got {len(self.names)}"
            )

    @property
    def labels(self) -> np.ndarray:
        """The azimuths as labels, float32 `[objects, renders]`, 0 to 10."""
        turns = self.azimuths / (2 * np.pi)
        return (FULL_TURN * turns).astype(np.float32)

    def select(self, indices: Sequence[int]) -> "PoseObjects":
        """Returns some of the objects, in the given order."""
        return PoseObjects(
            self.images[indices],
            self.azimuths[indices],
            [self.names[index] for index in indices],
        )

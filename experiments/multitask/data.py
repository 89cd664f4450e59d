"""The images of the tasks as networks get them."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from experiments.run import contract
from tfmeta import multitask, tasks

AUGMENTATIONS = ("none", "crop_flip")
# The share of the height that is added on each side before cropping, as 4 of
# the 32 pixels of CIFAR.
_PADDING = 1 / 8


@dataclasses.dataclass(frozen=True)
class Data:
    """Batches of all tasks, standardized by the mean and deviation of train.

    Attributes:
        splits: the images.
        values: among them `batch_size`, images of each task in a training
            batch; `augmentation`, one of `AUGMENTATIONS`, of training batches;
            `seed`, which fixes the batches.
        summary: what a run prints of it.
    """

    splits: tasks.TaskSplits
    values: contract.Values
    summary: str = ""

    @property
    def task_names(self) -> list[str]:
        """The tasks' names."""
        return self.splits.task_names

    @functools.cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each channel, in the units of the batches."""
        images = np.concatenate(
            [classes.images for classes in self.splits.train.values()]
        )
        unit = 255.0 if images.dtype == np.uint8 else 1.0
        axes = (0, 1, 2)
        mean = images.mean(axes, np.float64) / unit
        deviation = images.std(axes, np.float64) / unit
        return mean.astype(np.float32), deviation.astype(np.float32)

    def train_batches(self, start: int) -> tf.data.Dataset:
        """Returns endless batches to train on, from number `start` on."""

        def transform(images, seed):
            images = self._standardize(images)
            if self.values["augmentation"] == "crop_flip":
                images = crop_and_flip(images, seed)
            return images

        return multitask.shuffled_batches(
            self.splits.train,
            self.values["batch_size"],
            seed=self.values["seed"],
            start=start,
            transform=transform,
        ).prefetch(2)

    def all_batches(self, split: str, batch_size: int = 50) -> tf.data.Dataset:
        """Returns all images of a split once."""
        return multitask.ordered_batches(
            self.splits.part(split),
            batch_size,
            transform=self._standardize,
        ).prefetch(2)

    def sizes(self, split: str) -> dict[str, int]:
        """Returns how many images each task has in a split."""
        return {
            task: len(classes.images)
            for task, classes in self.splits.part(split).items()
        }

    def _standardize(self, images):
        mean, deviation = self._moments
        return (images - mean) / deviation


def crop_and_flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shifts each image at random and mirrors every other one.

    Args:
        images: `[batch, height, width, channels]`.
        seed: two integers that fix what is drawn.

    Returns:
        Random crops of the images' size out of images padded by an eighth of
        it with zeros on each side; of half of them at random the mirror images.
    """
    batch = tf.shape(images)[0]
    height, width = images.shape[1:3]
    by = round(height * _PADDING), round(width * _PADDING)
    draws = tf.random.stateless_uniform(
        [3, batch], seed, minval=None, maxval=None, dtype=tf.int32
    )
    top, left = (
        tf.math.floormod(draw, 2 * padding + 1)[:, tf.newaxis]
        for draw, padding in zip(tf.unstack(draws[:2]), by, strict=True)
    )
    rows = top + tf.range(height)
    columns = left + tf.range(width)
    is_mirrored = (draws[2] < 0)[:, tf.newaxis]
    columns = tf.where(is_mirrored, columns[:, ::-1], columns)
    padded = tf.pad(images, [[0, 0], [by[0]] * 2, [by[1]] * 2, [0, 0]])
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)

"""Batches of tasks that are `ImageClasses`, for `MultiTaskModel.fit`."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.multitask import task_data
from tfmeta.tasks.images import image_classes

Transform = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def shuffled_batches(
    tasks: Mapping[str, image_classes.ImageClasses],
    batch_size: int,
    *,
    seed: int = 0,
    start: int = 0,
    transform: Transform | None = None,
) -> tf.data.Dataset:
    """Returns endless batches for training.

    Each task goes through its images again and again, each time in a new order;
    a batch may reach from one pass into the next. The n-th batch depends on
    `seed` and n alone, so that training goes on where it stopped by `start`.

    Args:
        tasks: for each task's name its images.
        batch_size: images of each task in a batch.
        seed: fixes the orders, and what `transform` draws.
        start: number of the first batch.
        transform: from images, float32 `[batch, H, W, C]`, and two integers,
            other ones for each task and batch, to images: what augments them.

    Returns:
        `({task: images}, {task: labels})`: float32 (of uint8 images from 0 to
        1) `[batch_size, H, W, C]` and int32 `[batch_size]`.

    Raises:
        InputError: if there are no tasks, or a number is out of range.
    """
    _check(tasks, batch_size)
    for name, value in (("seed", seed), ("start", start)):
        if value < 0:
            raise errors.InputError(f"{name}={value}: expected 0 or more")
    return task_data.zip_tasks(
        {
            task: _shuffled(
                classes, batch_size, (seed, number), start, transform
            )
            for number, (task, classes) in enumerate(tasks.items())
        }
    )


def ordered_batches(
    tasks: Mapping[str, image_classes.ImageClasses],
    batch_size: int,
    *,
    transform: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """Returns each image of each task once, for evaluation.

    All tasks have the same number of batches: a task with fewer images than
    another has smaller ones. Their means over batches, weighted by size as
    Keras' metrics do, are those over images.

    Args:
        tasks: for each task's name its images.
        batch_size: images of the largest task in a batch; fewer if a task has
            fewer images than there would be batches.
        transform: from images, float32 `[batch, H, W, C]`, to images.

    Returns:
        Batches as those of `shuffled_batches`.

    Raises:
        InputError: if there are no tasks, or `batch_size` is not positive.
    """
    _check(tasks, batch_size)
    sizes = [len(classes.images) for classes in tasks.values()]
    batches = min(-(-max(sizes) // batch_size), min(sizes))
    return task_data.zip_tasks(
        {
            task: _ordered(classes, batches, transform)
            for task, classes in tasks.items()
        }
    )


def _shuffled(classes, batch_size, key, start, transform):
    gather = _gather_from(classes)
    size = len(classes.images)
    first_pass, skipped = divmod(start * batch_size, size)

    def shuffle(number):
        seed = tf.random.experimental.stateless_fold_in(key, number)
        return tf.data.Dataset.from_tensor_slices(
            tf.random.experimental.stateless_shuffle(tf.range(size), seed)
        )

    def load(number, indices):
        images, labels = gather(indices)
        if transform is not None:
            # Another stream than that of the orders.
            seed = tf.random.experimental.stateless_fold_in(key, -1 - number)
            images = transform(images, seed)
        return images, labels

    # The repetition is never reached: it marks the dataset as infinite.
    passes = tf.data.Dataset.range(first_pass, tf.int64.max).repeat()
    return (
        passes.flat_map(shuffle)
        .skip(skipped)
        .batch(batch_size, drop_remainder=True)
        .enumerate(start)
        .map(load)
    )


def _ordered(classes, batches, transform):
    gather = _gather_from(classes)
    borders = tf.constant(
        np.arange(batches + 1) * len(classes.images) // batches
    )

    def load(number):
        images, labels = gather(tf.range(borders[number], borders[number + 1]))
        return (images if transform is None else transform(images)), labels

    return tf.data.Dataset.range(batches).map(load)


def _gather_from(classes):
    images = tf.constant(classes.images)
    labels = tf.constant(classes.labels, tf.int32)

    def gather(indices):
        chosen = tf.gather(images, indices)
        if images.dtype == tf.uint8:
            chosen = tf.cast(chosen, tf.float32) / 255.0
        return chosen, tf.gather(labels, indices)

    return gather


def _check(tasks, batch_size) -> None:
    if not tasks:
        raise errors.InputError("tasks={}: expected one or more")
    if batch_size < 1:
        raise errors.InputError(
            f"batch_size={batch_size}: expected a positive integer"
        )

"""Small tasks of random images, which need no data."""

import numpy as np

from experiments.multitask import data
from tfmeta.tasks.images import image_classes, task_splits


def small_splits(tasks=3, classes=2, side=8):
    """Returns tasks to tell bright images from dark ones, and the reverse."""
    rng = np.random.default_rng(0)

    def draw(images_per_class):
        labels = np.repeat(np.arange(classes), images_per_class)
        shift = labels[:, None, None, None] / classes
        return image_classes.ImageClasses(
            rng.normal(shift, 0.2, (len(labels), side, side, 1)), labels
        )

    return task_splits.TaskSplits(
        *(
            {f"task{number}": draw(size) for number in range(tasks)}
            for size in (5, 3, 4)
        )
    )


def small_data(batch_size=3, augmentation="none", seed=0, tasks=3):
    """Returns batches of `small_splits`."""
    splits = small_splits(tasks)
    values = {
        "batch_size": batch_size,
        "augmentation": augmentation,
        "seed": seed,
        "classes": 2,
        "precision": "float32",
    }
    return data.Data(splits, values)

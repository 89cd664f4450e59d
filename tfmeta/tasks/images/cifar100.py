"""CIFAR-100 as 20 tasks: each coarse class is a task of five fine classes.

Krizhevsky: Learning multiple layers of features from tiny images. 2009. As
multi-task data: Rosenbaum, Klinger and Riemer: Routing networks. ICLR 2018.
"""

import os
from typing import TYPE_CHECKING

import numpy as np

from tfmeta.tasks.images import image_classes, task_splits, tfds_reader

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_NUM_TASKS = 20
_CLASSES_PER_TASK = 5
_IMAGES_PER_CLASS = {"train": 500, "test": 100}


def load_cifar100(
    data_dir: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    validation_images_per_class: int = 50,
) -> task_splits.TaskSplits:
    """Returns CIFAR-100 through TensorFlow Datasets, downloaded if need be.

    A task is a coarse class such as `trees`. The label of an image is the place
    of its fine class (`maple_tree`, `oak_tree`, ...) among the five of the
    coarse class. Which five these are is read off the pairs of labels in the
    data, for it does not follow from the number of a fine class. (Published
    code takes this number modulo five, which gives the same label to several
    fine classes of a task, in every task.)

    Args:
        data_dir: the folder of TensorFlow Datasets, which holds or is to hold
            `cifar100/3.0.2`. Default: that of TensorFlow Datasets.
        seed: fixes which images are for validation.
        validation_images_per_class: how many of the 500 training images of each
            fine class are held out for validation.

    Returns:
        The tasks, of uint8 images `[N, 32, 32, 3]`: with the defaults 2250 for
        training, 250 for validation and 500 for test in each.

    Raises:
        InputError: if CIFAR-100 cannot be read from `data_dir` or downloaded,
            or `validation_images_per_class` is out of range.
    """
    standard_train, test = tfds_reader.read(
        "cifar100:3.0.2",
        "CIFAR-100",
        data_dir,
        lambda builder: (
            _read_part(builder, "train"),
            _read_part(builder, "test"),
        ),
        host="www.cs.toronto.edu",
    )
    parts = {
        task: classes.hold_out(validation_images_per_class, seed=seed)
        for task, classes in standard_train.items()
    }
    return task_splits.TaskSplits(
        train={task: rest for task, (rest, _) in parts.items()},
        validation={task: held_out for task, (_, held_out) in parts.items()},
        test=test,
    )


def _read_part(
    builder: "tfds.core.DatasetBuilder", part: str
) -> dict[str, image_classes.ImageClasses]:
    """Returns the images of each coarse class."""
    batches = builder.as_dataset(split=part, shuffle_files=False).batch(1000)
    images, fine, coarse = (
        np.concatenate(column)
        for column in zip(
            *(
                (batch["image"], batch["label"], batch["coarse_label"])
                for batch in batches.as_numpy_iterator()
            ),
            strict=True,
        )
    )
    fine_names = builder.info.features["label"].names
    tasks = {}
    for number, task in enumerate(builder.info.features["coarse_label"].names):
        is_here = coarse == number
        tasks[task] = image_classes.ImageClasses(
            images[is_here],
            fine[is_here],
            [fine_names[label] for label in np.unique(fine[is_here])],
        )
    if len(tasks) != _NUM_TASKS or any(
        classes.images_per_class.tolist()
        != [_IMAGES_PER_CLASS[part]] * _CLASSES_PER_TASK
        for classes in tasks.values()
    ):
        raise ValueError(f"its {part} split holds {tasks}")
    return tasks

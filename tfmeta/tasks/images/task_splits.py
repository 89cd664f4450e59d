"""Classification tasks with images of their own, to be learned together."""

import dataclasses
from collections.abc import Mapping, Sequence

from tfmeta import errors
from tfmeta.tasks import arguments
from tfmeta.tasks.images import image_classes

SPLITS = ("train", "validation", "test")

_Images = Mapping[str, image_classes.ImageClasses]


@dataclasses.dataclass(frozen=True)
class TaskSplits:
    """The images of several tasks, in three parts that have none in common.

    A task is an `ImageClasses`: the label of an image is the number of its
    class in this task. Every part has all the tasks with all their classes.
    (Parts that have no class in common, as meta-learning needs them, are
    `Splits`.)

    Attributes:
        train: for each task's name the images to learn from.
        validation: those to choose settings on.
        test: those to report results on.

    Raises:
        InputError: if there are no tasks, the parts differ in their tasks or
            in a task's classes, or the tasks in the shape of their images.
    """

    train: _Images
    validation: _Images
    test: _Images

    def __post_init__(self):
        if not self.train:
            raise errors.InputError("train: expected one or more tasks")
        for split in SPLITS:
            images = self.part(split)
            if list(images) != self.task_names:
                raise errors.InputError(
                    f"{split}: expected the tasks of train in their order, "
                    f"{', '.join(self.task_names)}, got {', '.join(images)}"
                )
            for task, classes in images.items():
                if classes.class_names != self.train[task].class_names:
                    raise errors.InputError(
                        f"{split}: task {task!r} has the classes "
                        f"{', '.join(classes.class_names)}, in train "
                        f"{', '.join(self.train[task].class_names)}"
                    )
                if classes.image_shape != self.image_shape:
                    raise errors.InputError(
                        f"{split}: the images of task {task!r} are "
                        f"{classes.image_shape}, others {self.image_shape}"
                    )

    @property
    def task_names(self) -> list[str]:
        """The names of the tasks."""
        return list(self.train)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return next(iter(self.train.values())).image_shape

    def part(self, name: str) -> _Images:
        """Returns one part: for each task's name its images.

        Args:
            name: one of `SPLITS`.

        Raises:
            InputError: if there is no such part.
        """
        arguments.check_choice("split", name, SPLITS)
        parts = (self.train, self.validation, self.test)
        return parts[SPLITS.index(name)]

    def select(self, task_names: Sequence[str]) -> "TaskSplits":
        """Returns some of the tasks, in the given order.

        Args:
            task_names: names of tasks.

        Raises:
            InputError: if there are none, or one is unknown.
        """
        for task in task_names:
            if task not in self.train:
                raise errors.InputError(
                    f"task_names: {task!r} is unknown; expected some of "
                    f"{', '.join(self.task_names)}"
                )
        return TaskSplits(
            *(
                {task: self.part(split)[task] for task in task_names}
                for split in SPLITS
            )
        )

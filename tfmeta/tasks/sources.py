"""The sources of data that tasks are made from, by what they are sources of.

A new source is an entry here: commands list the sources, and load from them,
by these tables.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from tfmeta.tasks import splits
from tfmeta.tasks.images import (
    cifar100,
    glyph_tasks,
    glyphs,
    image_classes,
    omniglot,
    task_splits,
)
from tfmeta.tasks.poses import pose_loader, pose_objects

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Source(Generic[T]):
    """A source of data.

    Attributes:
        description: what the data are, and where from; less than a sentence.
        load: loads them; all its arguments can be given by name.
    """

    description: str
    load: Callable[..., T]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments of `load`."""
        return tuple(inspect.signature(self.load).parameters)

    def load_from(self, settings: Mapping[str, Any]) -> T:
        """Loads the data by settings that are for several sources.

        Args:
            settings: arguments by name. Those that are not this source's are
                passed over.

        Raises:
            InputError: see `load`.
        """
        return self.load(
            **{
                name: settings[name]
                for name in self.arguments
                if name in settings
            }
        )


# Classes of images for few-shot classification.
IMAGE_CLASSES: dict[str, Source[splits.Splits[image_classes.ImageClasses]]] = {
    "glyphs": Source(
        "letters of many scripts, rendered here from matplotlib's fonts",
        glyphs.load_glyphs,
    ),
    "omniglot": Source(
        "handwritten characters, through TensorFlow Datasets",
        omniglot.load_omniglot,
    ),
}

# Classification tasks to be learned together.
IMAGE_TASKS: dict[str, Source[task_splits.TaskSplits]] = {
    "glyphs": Source(
        "letters of seven scripts, rendered here from matplotlib's fonts",
        glyph_tasks.load_glyph_tasks,
    ),
    "cifar100": Source(
        "photographs, through TensorFlow Datasets", cifar100.load_cifar100
    ),
}

# Rendered objects, whose pose is asked for.
POSE_OBJECTS: dict[str, Source[splits.Splits[pose_objects.PoseObjects]]] = {
    "composed": Source(
        "objects composed of random primitives, rendered here",
        functools.partial(pose_loader.load_pose, None),
    ),
    "cad": Source(
        "CAD models from a folder or zip file of <class>/<instance>.off, "
        "rendered here",
        pose_loader.load_pose,
    ),
}


def describe(sources: Mapping[str, Source[Any]]) -> str:
    """Returns what the sources are, as the help of a flag.

    Args:
        sources: one of the tables of this module.
    """
    return (
        "; ".join(
            f"{name}: {source.description}" for name, source in sources.items()
        )
        + "."
    )


def names_taking(argument: str, sources: Mapping[str, Source[Any]]) -> str:
    """Returns the names of the sources that take an argument, for a help text.

    Args:
        argument: the argument's name, such as `data_dir`.
        sources: one of the tables of this module.
    """
    return ", ".join(
        name for name, source in sources.items() if argument in source.arguments
    )

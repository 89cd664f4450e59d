"""Sources of tasks.

- `ImageClasses` are labelled images, from one of the sources here or from your
  own arrays or folder; `sample_episodes` draws few-shot tasks from them.
- `PoseObjects` are objects that MuJoCo renders; `sample_pose_episodes` asks for
  their pose.
- `sample_sinusoids` makes tasks of regression, without any data.
- `TaskSplits` are tasks with images of their own, to be learned together.

`tfmeta.tasks.sources` lists what there is to load.
"""

from tfmeta.episode import Episode
from tfmeta.tasks.images.cifar100 import load_cifar100
from tfmeta.tasks.images.episodes import CONSTRUCTIONS, sample_episodes
from tfmeta.tasks.images.glyph_tasks import load_glyph_tasks
from tfmeta.tasks.images.glyphs import load_glyphs
from tfmeta.tasks.images.image_classes import ImageClasses
from tfmeta.tasks.images.image_folder import (
    list_images,
    load_image_folder,
    load_images,
)
from tfmeta.tasks.images.omniglot import SPLITS as OMNIGLOT_SPLITS
from tfmeta.tasks.images.omniglot import load_omniglot
from tfmeta.tasks.images.task_splits import TaskSplits
from tfmeta.tasks.poses.pose_episodes import sample_pose_episodes
from tfmeta.tasks.poses.pose_loader import load_pose
from tfmeta.tasks.poses.pose_objects import PoseObjects
from tfmeta.tasks.sinusoid import sample_sinusoids
from tfmeta.tasks.splits import Splits
from tfmeta.tasks.streams import Streams

__all__ = [
    "CONSTRUCTIONS",
    "OMNIGLOT_SPLITS",
    "Episode",
    "ImageClasses",
    "PoseObjects",
    "Splits",
    "Streams",
    "TaskSplits",
    "list_images",
    "load_cifar100",
    "load_glyph_tasks",
    "load_glyphs",
    "load_image_folder",
    "load_images",
    "load_omniglot",
    "load_pose",
    "sample_episodes",
    "sample_pose_episodes",
    "sample_sinusoids",
]

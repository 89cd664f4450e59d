"""Multi-task learning: models with one loss for each task."""

from tfmeta import weightings
from tfmeta.multitask.image_batches import ordered_batches, shuffled_batches
from tfmeta.multitask.multi_task_model import MultiTaskModel
from tfmeta.multitask.task_data import zip_tasks

__all__ = [
    "MultiTaskModel",
    "ordered_batches",
    "shuffled_batches",
    "weightings",
    "zip_tasks",
]

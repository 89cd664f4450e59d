"""Multi-task learning: models with one loss for each task."""

from tfmeta.multitask import weightings
from tfmeta.multitask.multi_task_model import MultiTaskModel
from tfmeta.multitask.task_data import zip_tasks

__all__ = ["MultiTaskModel", "weightings", "zip_tasks"]

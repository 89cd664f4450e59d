"""The gradients of tasks: how they are made, mapped, joined and combined."""

from tfmeta.gradients.gramian import combine, compute_gramian
from tfmeta.gradients.mapped import MappedGradients, compute_task_gradients
from tfmeta.gradients.recorded import RecordedPass
from tfmeta.gradients.replicas import Split
from tfmeta.gradients.task_gradients import TaskGradients, TaskPass
from tfmeta.gradients.task_mapping import TASK_MAPPINGS, map_tasks

__all__ = [
    "TASK_MAPPINGS",
    "MappedGradients",
    "RecordedPass",
    "Split",
    "TaskGradients",
    "TaskPass",
    "combine",
    "compute_gramian",
    "compute_task_gradients",
    "map_tasks",
]

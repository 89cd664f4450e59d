"""Training: what models share, monitors, checkpoints, evaluation."""

from tfmeta.gradients.mapped import compute_task_gradients
from tfmeta.gradients.task_mapping import TASK_MAPPINGS, map_tasks
from tfmeta.optimizers.step_curvature import StepCurvature
from tfmeta.training.calibration import Calibration
from tfmeta.training.callbacks import (
    DivergenceError,
    SaveCheckpoint,
    StopOnNaN,
)
from tfmeta.training.checkpoints import Checkpoints
from tfmeta.training.conflict_monitor import (
    ConflictMonitor,
    ConflictStatistics,
    conflict_statistics,
)
from tfmeta.training.evaluation import (
    Estimate,
    Evaluation,
    accuracy,
    evaluate_tasks,
    squared_error,
)
from tfmeta.training.task_trainer import TaskTrainer

__all__ = [
    "TASK_MAPPINGS",
    "Calibration",
    "Checkpoints",
    "ConflictMonitor",
    "ConflictStatistics",
    "DivergenceError",
    "Estimate",
    "Evaluation",
    "SaveCheckpoint",
    "StepCurvature",
    "StopOnNaN",
    "TaskTrainer",
    "accuracy",
    "compute_task_gradients",
    "conflict_statistics",
    "evaluate_tasks",
    "map_tasks",
    "squared_error",
]

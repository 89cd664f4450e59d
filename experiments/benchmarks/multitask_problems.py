"""What the processes of the multi-task benchmark are to do."""

import dataclasses

import numpy as np

from experiments.benchmarks import worker

# Of the shared variables, for `pcgrad_parts`.
PARTS = 8


@dataclasses.dataclass(frozen=True)
class StepJob(worker.Job):
    """What a contender is to do: steps of a network with several losses.

    Attributes:
        workload: `"own_data"`, `"shared_input"` or `"memory"`.
        tasks: number of tasks.
        examples: number of examples in each task's batch.
        filters: of each of the three convolutions.
        units: of the fully connected layers, of a task or shared (`"memory"`).
    """

    workload: str
    tasks: int
    examples: int
    filters: int
    units: list[int]


@dataclasses.dataclass(frozen=True)
class AggregationJob(worker.Job):
    """What a contender is to do: PCGrad on given gradients.

    Attributes:
        workload: `"aggregation"` makes the update from them, `"weights"` the
            weights of the tasks from their Gramian.
        gradients: a vector for each task.
    """

    workload: str
    gradients: tuple[np.ndarray, ...]

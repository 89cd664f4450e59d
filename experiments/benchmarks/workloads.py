"""What is timed against what."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import entries, floor, problems

_FOLDER = pathlib.Path(__file__).parent
_OUTER_LEARNING_RATE = 1e-3

_TFMETA = _FOLDER / "tfmeta_worker.py"
_TORCH = _FOLDER / "torch_worker.py"
_JAX = _FOLDER / "jax_worker.py"

CONTENDERS = {
    "tfmeta": entries.Contender("tfmeta", _TFMETA, False),
    "tfmeta_default_threads": entries.Contender(
        "tfmeta, TensorFlow's default threads", _TFMETA, False
    ),
    "learn2learn": entries.Contender("learn2learn's loop", _TORCH, True),
    "torch_func": entries.Contender("torch.func vmap", _TORCH, True),
    "torch_func_im2col": entries.Contender(
        "torch.func vmap, im2col", _TORCH, True
    ),
    "jax_vmap": entries.Contender("JAX vmap", _JAX, True),
    "jax_map": entries.Contender("JAX lax.map", _JAX, True),
    "control": entries.Contender("control: head adapted", _TFMETA, False),
    "mr_maml_w": entries.Contender("MR-MAML(W)", _TFMETA, False),
}
# What of the machine the steps are held against.
PROBES = {
    "matmul": entries.Contender("matrix product", _TFMETA, False),
    "input": entries.Contender("episodes", _TFMETA, False),
}
WORKLOADS = {
    "conv4": "conv-4, 20-way 1-shot (JAX convolves as im2col)",
    "mlp": "MLP 2x40, sinusoids, 10-shot",
    "regularized": "MR-MAML(W) and its control, conv-4, 20-way 1-shot",
    "scaling": "Cost in tasks and in inner steps, conv-4, 20-way 1-shot",
    "input": "Input",
}

_CONV4_CONTENDERS = (
    "tfmeta",
    "tfmeta_default_threads",
    "learn2learn",
    "torch_func",
    "torch_func_im2col",
    "jax_vmap",
    "jax_map",
)
# It has no convolutions to write as im2col, and is too small for a loop.
_MLP_CONTENDERS = (
    "tfmeta",
    "tfmeta_default_threads",
    "learn2learn",
    "torch_func",
    "jax_vmap",
)
_MLP_TASKS = 25
_REGULARIZED_TASKS = (8, 16)
_REGULARIZED_INNER_STEPS = 5
_SCALING = ((4, 1), (8, 1), (16, 1), (16, 3), (16, 5))


@dataclasses.dataclass(frozen=True)
class Entry(entries.Entry):
    """A contender at a task: a row of the table.

    Attributes:
        workload: one of `WORKLOADS`, or a probe.
        contender: one of `CONTENDERS` or `PROBES`.
        network: `"conv4"` or `"mlp"`.
        tasks: number of tasks in the meta-batch.
        inner_steps: gradient steps of the inner loop.
        reference: the contender that its time is divided by, if any.
    """

    workload: str
    contender: str
    network: str
    tasks: int
    inner_steps: int
    reference: str | None

    @property
    def kind(self) -> entries.Contender:
        """What the contender is."""
        return (CONTENDERS | PROBES)[self.contender]

    @property
    def steps_factor(self) -> int:
        """How many more steps to make, for they are short."""
        return {"mlp": 20, "input": 20, "matmul": 5}.get(self.workload, 1)

    @property
    def has_loss_of_reference(self) -> bool:
        """Whether its first loss is to be that of its reference."""
        return self.workload != "regularized"

    @property
    def threads(self) -> int | None:
        """How many threads its libraries have, see `entries.Entry`."""
        if self.contender in ("tfmeta_default_threads", "matmul"):
            return 0
        return None

    @property
    def flops(self) -> int:
        """The operations of a step, see `floor.py`."""
        if self.contender == "matmul":
            return 2 * problems.MATMUL_SIZE**3
        return floor.step_flops(
            self.network,
            tasks=self.tasks,
            inner_steps=self.inner_steps,
            head_only=self.workload == "regularized",
        )

    def make_job(
        self,
        *,
        intra_op_threads: int,
        inter_op_threads: int,
        dtype: str = "float32",
    ) -> problems.Job:
        """Returns what the contender's process is to do.

        Args:
            intra_op_threads: see `worker.Job`.
            inter_op_threads: see `worker.Job`.
            dtype: precision to compute in.
        """
        problem = problems.make(self.network, tasks=self.tasks, dtype=dtype)
        return problems.Job(
            contender=self.contender,
            intra_op_threads=intra_op_threads,
            inter_op_threads=inter_op_threads,
            network=self.network,
            inner_steps=self.inner_steps,
            inner_learning_rate=problem.inner_learning_rate,
            outer_learning_rate=_OUTER_LEARNING_RATE,
            episodes=problem.episodes,
            weights=problem.weights,
        )


def matmul_probe() -> Entry:
    """Returns the entry that measures the rate of matrix products."""
    return Entry("matmul", "matmul", "mlp", 1, 1, None)


def contests(
    workloads: Sequence[str],
    contenders: Sequence[str],
    *,
    inner_steps: Sequence[int],
    meta_batch_size: int,
) -> list[list[Entry]]:
    """Returns the entries that run side by side, contest by contest.

    Args:
        workloads: names of `WORKLOADS`.
        contenders: names of `CONTENDERS`; others take no part.
        inner_steps: gradient steps of the inner loop, a contest each.
        meta_batch_size: number of tasks of `"conv4"` and `"input"`.
    """
    rows: dict[str, list[list[tuple[Any, ...]]]] = {
        "conv4": [
            [
                (contender, "conv4", meta_batch_size, steps, "tfmeta")
                for contender in _CONV4_CONTENDERS
            ]
            for steps in inner_steps
        ],
        "mlp": [
            [
                (contender, "mlp", _MLP_TASKS, steps, "tfmeta")
                for contender in _MLP_CONTENDERS
            ]
            for steps in inner_steps
        ],
        "regularized": [
            [
                (contender, "conv4", tasks, _REGULARIZED_INNER_STEPS, "control")
                for contender in ("control", "mr_maml_w")
            ]
            for tasks in _REGULARIZED_TASKS
        ],
        "scaling": [
            [
                ("tfmeta", "conv4", tasks, steps, None)
                for tasks, steps in _SCALING
            ]
        ],
        "input": [[("input", "conv4", meta_batch_size, 1, None)]],
    }
    chosen = [
        [
            Entry(workload, *row)
            for row in contest
            if row[0] in (*contenders, *PROBES)
        ]
        for workload in workloads
        for contest in rows[workload]
    ]
    return [contest for contest in chosen if contest]

"""The contenders of the multi-task benchmark do the work they are timed for."""

import numpy as np
from absl.testing import absltest, parameterized

from experiments.benchmarks import (
    multitask_tfmeta_worker,
    multitask_workloads,
)

_SIZES = multitask_workloads.Sizes(
    filters=4, units=(8,), parameters=50, width=4
)
_TASKS, _EXAMPLES = 3, 4


def _entry(workload, contender):
    return multitask_workloads.Entry(
        workload, contender, _TASKS, _EXAMPLES, _SIZES, None
    )


def _build(workload, contender):
    job = _entry(workload, contender).make_job(
        intra_op_threads=0, inter_op_threads=0
    )
    return multitask_tfmeta_worker.build(job)


class StepTest(parameterized.TestCase):
    @parameterized.parameters(
        ("own_data", ("sum", "pcgrad")),
        ("shared_input", ("backwards", "sum", "pcgrad")),
        ("memory", ("sum", "pcgrad", "pcgrad_parts")),
    )
    def test_all_start_alike_and_train(self, workload, contenders):
        losses = {}
        for contender in contenders:
            step, _ = _build(workload, contender)
            losses[contender] = [step() for _ in range(5)]
        firsts = [values[0] for values in losses.values()]
        np.testing.assert_allclose(firsts, firsts[0], rtol=1e-5)
        self.assertEqual(len({*losses.pop("backwards", [0])}), 1)
        for values in losses.values():  # Means over the steps so far.
            self.assertLess(values[-1], values[0])
        if "pcgrad_parts" in losses:
            np.testing.assert_allclose(
                losses["pcgrad_parts"], losses["pcgrad"], rtol=1e-4
            )
            self.assertNotAlmostEqual(losses["sum"][-1], losses["pcgrad"][-1])

    @parameterized.parameters("own_data", "shared_input")
    def test_every_backward_pass_is_made(self, workload):
        _, gradient = _build(workload, "backwards")
        arrays = gradient()
        # Three convolutions, a normalization; a layer and a head of its own.
        self.assertLen(arrays, _TASKS * (3 * 2 + 2 + 2 * 2))
        for array in arrays[1::2]:
            self.assertGreater(np.abs(array).max(), 0)

    def test_size_of_the_gradients_whose_memory_is_measured(self):
        _, gradient = _build("memory", "backwards")
        numbers = sum(array.size for array in gradient())
        heads = _TASKS * (_SIZES.width + 1)
        self.assertEqual(
            (numbers - heads) * 4 / 2**20,
            _entry("memory", "pcgrad").task_gradients_mb,
        )


class AggregationTest(absltest.TestCase):
    def test_weights_make_the_update(self):
        job = _entry("aggregation", "gramian").make_job(
            intra_op_threads=0, inter_op_threads=0
        )
        (update,) = _build("aggregation", "gramian").gradient()
        (weights,) = _build("weights", "gramian").gradient()
        self.assertGreater(weights.max(), 1)
        np.testing.assert_allclose(
            weights @ np.stack(job.gradients), update, rtol=1e-3, atol=1e-4
        )


if __name__ == "__main__":
    absltest.main()

"""The peers make the very step, and the very update, that tfmeta makes.

The steps in float64, in which all ways of computing them agree to rounding; in
float32 an activation near zero may fall on either side of a ReLU's kink. Needs
the peers' packages under the interpreter that TFMETA_PEER_PYTHON names, or this
one:

    ./bazelw test --test_env=TFMETA_PEER_PYTHON=/opt/peers/bin/python \
        //tests/experiments/benchmarks:peers_test
"""

import os
import pathlib
import sys
from typing import Any

import numpy as np
from absl.testing import absltest, parameterized

from experiments.benchmarks import multitask_workloads, process, workloads

_PEER_PYTHON = os.environ.get("TFMETA_PEER_PYTHON", sys.executable)
_TASKS, _INNER_STEPS = 2, 2
_PEERS = {
    "conv4": (
        "learn2learn",
        "torch_func",
        "torch_func_im2col",
        "jax_vmap",
        "jax_map",
    ),
    "mlp": ("learn2learn", "torch_func", "jax_vmap"),
}


def _start(test, job, kind):
    """Starts a contender's process; skips the test if a package is missing."""
    python = _PEER_PYTHON if kind.is_peer else sys.executable
    try:
        steps = process.WorkerProcess(job, module=kind.module, python=python)
    except process.MissingPackageError as error:
        test.skipTest(
            f"{kind.title} under {python} (TFMETA_PEER_PYTHON names another "
            f"interpreter): {error}"
        )
    return test.enter_context(steps)


def _gradient(test, steps):
    file = pathlib.Path(test.create_tempdir().full_path, "gradient.npz")
    steps.write_gradient(file)
    with np.load(file, allow_pickle=False) as arrays:
        return [arrays[name] for name in arrays]


class SameStepTest(parameterized.TestCase):
    def _run(self, contender, network):
        """Returns the gradient, and the losses of two steps."""
        entry = workloads.Entry(
            network, contender, network, _TASKS, _INNER_STEPS, None
        )
        job = entry.make_job(
            intra_op_threads=1, inter_op_threads=1, dtype="float64"
        )
        steps = _start(self, job, entry.kind)
        gradient = _gradient(self, steps)
        return gradient, [steps.step(1)["loss"] for _ in range(2)]

    @parameterized.named_parameters(
        (f"{network}_{contender}", network, contender)
        for network, contenders in _PEERS.items()
        for contender in contenders
    )
    def test_gradient_and_update(self, network, contender):
        found, losses = self._run(contender, network)
        expected, (first, mean) = self._reference(network)
        for gradient, reference in zip(found, expected, strict=True):
            self.assertEqual(gradient.dtype, np.float64)
            np.testing.assert_allclose(
                gradient, reference, rtol=1e-8, atol=1e-10
            )
        np.testing.assert_allclose(losses[0], first, rtol=1e-6)
        # Keras reports the mean over steps. Losses differ more after an
        # update, for PyTorch's Adam adds its epsilon at another place.
        np.testing.assert_allclose(np.mean(losses), mean, rtol=5e-3)

    _references: dict = {}

    def _reference(self, network):
        if network not in self._references:
            self._references[network] = self._run("tfmeta", network)
        return self._references[network]


class SameUpdateTest(parameterized.TestCase):
    # Two tasks leave no choice of orders, which are random in all of them.
    _sizes = multitask_workloads.Sizes(
        filters=1, units=(1,), parameters=1000, width=1
    )

    def _entry(self, workload, contender):
        return multitask_workloads.Entry(
            workload, contender, 2, 0, self._sizes, "gramian"
        )

    def _run(self, workload, contender):
        entry = self._entry(workload, contender)
        job = entry.make_job(intra_op_threads=1, inter_op_threads=1)
        (update,) = _gradient(self, _start(self, job, entry.kind))
        return update

    _references: dict = {}

    def _reference(self, workload):
        if workload not in self._references:
            self._references[workload] = self._run(workload, "gramian")
        return self._references[workload]

    @parameterized.parameters(
        ("aggregation", "numpy_flat"),
        ("aggregation", "torch_flat"),
        ("aggregation", "torchjd"),
        ("weights", "torchjd"),
    )
    def test_update(self, workload, contender):
        update = self._run(workload, contender)
        np.testing.assert_allclose(
            update, self._reference(workload), rtol=1e-4, atol=1e-5
        )

    def test_there_is_a_conflict(self):
        job: Any = self._entry("aggregation", "gramian").make_job(
            intra_op_threads=1, inter_op_threads=1
        )
        self.assertLess(job.gradients[0] @ job.gradients[1], 0)


if __name__ == "__main__":
    absltest.main()

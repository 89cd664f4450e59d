"""The peers make the very step that tfmeta makes.

In float64, in which all ways of computing the step agree to rounding; in
float32 an activation near zero may fall on either side of a ReLU's kink. Needs
the peers' packages under the interpreter that TFMETA_PEER_PYTHON names, or this
one:

    ./bazelw test --test_env=TFMETA_PEER_PYTHON=/opt/peers/bin/python \
        //tests/experiments/benchmarks:peers_test
"""

import os
import pathlib
import sys

import numpy as np
from absl.testing import absltest, parameterized

from experiments.benchmarks import process, workloads

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


class SameStepTest(parameterized.TestCase):
    def _run(self, contender, network):
        """Returns the gradient, and the losses of two steps."""
        entry = workloads.Entry(
            network, contender, network, _TASKS, _INNER_STEPS, None
        )
        file = pathlib.Path(self.create_tempdir().full_path, "gradient.npz")
        python = _PEER_PYTHON if entry.kind.is_peer else sys.executable
        try:
            steps = process.WorkerProcess(
                entry,
                python=python,
                intra_op_threads=1,
                inter_op_threads=1,
                dtype="float64",
            )
        except process.MissingPackageError as error:
            self.skipTest(f"{contender} under {python}: {error}")
        with steps:
            steps.write_gradient(file)
            losses = [steps.step(1)["loss"] for _ in range(2)]
        with np.load(file, allow_pickle=False) as arrays:
            return [arrays[name] for name in arrays], losses

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


if __name__ == "__main__":
    absltest.main()

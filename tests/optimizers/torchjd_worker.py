"""Aggregates task gradients with TorchJD, in a process of its own.

    python torchjd_worker.py MATRICES.npz UPDATES.npz

The arrays of both files are named `METHOD.CASE`. The exit status is `MISSING`,
with the reason on stderr, where TorchJD is not installed. Runs under the peers'
interpreter, so it imports nothing of this repository.
"""

import sys

import numpy as np

MISSING = 77


def main(matrices_file: str, updates_file: str) -> None:
    try:
        with np.load(matrices_file, allow_pickle=False) as matrices:
            updates = {
                name: _aggregate(name.partition(".")[0], matrix)
                for name, matrix in matrices.items()
            }
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING)
    np.savez(updates_file, **updates)


def _aggregate(method: str, matrix: np.ndarray) -> np.ndarray:
    # Imported here, as what UPGrad needs: `main` tells of both.
    import torch  # type: ignore[import-not-found,unused-ignore]
    from torchjd import (  # type: ignore[import-not-found,unused-ignore]
        aggregation,
    )

    make = {
        "upgrad": aggregation.UPGrad,
        "mgda": lambda: aggregation.MGDA(epsilon=1e-12, max_iters=100_000),
        "imtl_g": aggregation.IMTLG,
        "aligned_mtl": aggregation.AlignedMTL,
        "pcgrad": aggregation.PCGrad,
        "gradvac": aggregation.GradVac,
    }
    # A new one each time: GradVac has a memory.
    return make[method]()(torch.tensor(matrix)).numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])

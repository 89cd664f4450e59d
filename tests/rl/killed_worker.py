"""A run of SAC to kill: says when an epoch ends, and writes what came of it.

python -m tests.rl.killed_worker CHECKPOINTS RESULT
"""

import pathlib
import sys

import keras
import numpy as np

from tests.rl import resumed_runs


def main() -> None:
    """Runs, or goes on."""
    checkpoints, result = map(pathlib.Path, sys.argv[1:])
    agent = resumed_runs.agent()
    scores = resumed_runs.fit(
        agent,
        resumed_runs.robots(),
        checkpoints,
        steps=6000,
        batch_size=32,
        warm_up=40,
        updates_per_call=1,
        capacity=5000,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: print(epoch, flush=True)
            )
        ],
    )
    values = resumed_runs.values(agent)
    with result.open("wb") as file:
        np.savez(file, *values, scores=np.array(scores))


if __name__ == "__main__":
    main()

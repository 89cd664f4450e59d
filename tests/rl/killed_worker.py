"""A run to kill: says when an epoch ends, and writes what came of it.

python -m tests.rl.killed_worker sac|maml CHECKPOINTS RESULT
"""

import pathlib
import sys

import keras
import numpy as np

from tests.rl import resumed_runs


def main() -> None:
    """Runs, or goes on."""
    kind, *paths = sys.argv[1:]
    checkpoints, result = map(pathlib.Path, paths)
    callbacks = [
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: print(epoch, flush=True)
        )
    ]
    robots = resumed_runs.robots()
    if kind == "maml":
        agent = resumed_runs.maml()
        reports = agent.fit(
            robots,
            iterations=240,
            episodes=20,
            callbacks=callbacks,
            verbose=0,
            checkpoints=checkpoints,
            save_every=3,
        )
        values = agent.variables
        numbers = [[r["return_before"], r["return_after"]] for r in reports]
    else:
        agent = resumed_runs.agent()
        numbers = resumed_runs.fit(
            agent,
            robots,
            checkpoints,
            steps=6000,
            batch_size=32,
            warm_up=40,
            updates_per_call=1,
            capacity=5000,
            callbacks=callbacks,
        )
        values = resumed_runs.values(agent)
    with result.open("wb") as file:
        np.savez(file, *map(np.asarray, values), numbers=np.array(numbers))


if __name__ == "__main__":
    main()

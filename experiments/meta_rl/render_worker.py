"""Renders episodes of the half-cheetah, in a process of its own.

    python -m experiments.meta_rl.render_worker ENVIRONMENT IN.json OUT.npz

TensorFlow and the software renderer bring two versions of one compiler, which
crash each other. An episode is a seed, a goal and actions: so it is played
again here.
"""

import json
import pathlib
import sys

import numpy as np

from tfmeta import environments


def main() -> None:
    """Plays each episode, and takes pictures of it at equal intervals."""
    name, source, target = sys.argv[1:]
    asked = json.loads(pathlib.Path(source).read_text())
    frames = []
    for clip in asked["clips"]:
        made = getattr(environments, name)(
            goals=[clip["goal"]],
            horizon=len(clip["actions"]),
            render_mode="rgb_array",
        )
        made.reset(seed=clip["seed"], options={"goal": 0})
        wanted = np.linspace(0, len(clip["actions"]) - 1, asked["frames"])
        of_clip = []
        for number, action in enumerate(clip["actions"]):
            made.step(np.array(action, np.float32))
            if number in wanted.astype(int):
                of_clip.append(made.render())
        frames.append(np.stack(of_clip))
    with pathlib.Path(target).open("wb") as file:
        np.savez_compressed(file, *frames)


if __name__ == "__main__":
    main()

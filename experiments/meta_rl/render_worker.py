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
    """Plays each episode, and takes pictures of it at equal intervals.

    Beside the pictures of each episode is written where the cheetah was, in m.
    """
    name, source, target = sys.argv[1:]
    asked = json.loads(pathlib.Path(source).read_text())
    frames, places = [], []
    for clip in asked["clips"]:
        made = getattr(environments, name)(
            goals=[clip["goal"]],
            horizon=len(clip["actions"]),
            render_mode="rgb_array",
        )
        made.reset(seed=clip["seed"], options={"goal": 0})
        last = len(clip["actions"]) - 1
        wanted = np.linspace(0, last, asked["frames"]).astype(int)
        of_clip, of_places = [], []
        for number, action in enumerate(clip["actions"]):
            made.step(np.array(action, np.float32))
            # Of a short episode a picture may be wanted twice.
            for _ in range(np.count_nonzero(wanted == number)):
                of_clip.append(made.render())
                of_places.append(made.environment.data.qpos[0])
        frames.append(np.stack(of_clip))
        places.append(of_places)
    with pathlib.Path(target).open("wb") as file:
        np.savez_compressed(file, *frames, places=places)


if __name__ == "__main__":
    main()

r"""Does one gradient step tell a point robot where to go?

Trains a policy that one step of the policy gradient makes go to a place that it
does not see, and two controls: what `cheetah_direction` does, in less time.

    ./bazelw run //experiments:point_robot
    ./bazelw run //experiments:point_robot -- --steps=400 --methods=maml

A run that was stopped goes on when the same command is given again.
"""

from experiments.meta_rl import experiments
from experiments.run import command

if __name__ == "__main__":
    command.start(experiments.POINT)

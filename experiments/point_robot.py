r"""How many episodes tell a point robot where to go?

Trains MAML, RL2 and PEARL to go to a place that they do not see, and scores
them after 0, 1, 2, ... episodes, beside a policy that is told the place.

    ./bazelw run //experiments:point_robot
    ./bazelw run //experiments:point_robot -- --reward=sparse --methods=pearl
    ./bazelw run //experiments:point_robot -- --methods=maml,joint,untrained

A run that was stopped goes on when the same command is given again.
"""

from experiments.meta_rl import experiments
from experiments.run import command

if __name__ == "__main__":
    command.start(experiments.POINT)

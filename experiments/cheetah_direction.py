r"""Does one gradient step make a half-cheetah run forward or backward?

Trains a policy that one step of the policy gradient is to turn the right way,
and two controls that take the same step (Finn et al. 2017, section 5.3).

    ./bazelw run //experiments:cheetah_direction
    ./bazelw run //experiments:cheetah_direction -- --steps=400 --methods=maml

A run that was stopped goes on when the same command is given again.
"""

from experiments.meta_rl import experiments
from experiments.run import command

if __name__ == "__main__":
    command.start(experiments.DIRECTION)

r"""Does one gradient step make a half-cheetah run as fast as it should?

Trains a policy that a step of the policy gradient is to make run at a velocity
that it does not see, and two controls (Finn et al. 2017, section 5.3).

    ./bazelw run //experiments:cheetah_velocity
    ./bazelw run //experiments:cheetah_velocity -- --steps=400 --methods=maml

A run that was stopped goes on when the same command is given again.
"""

from experiments.meta_rl import experiments
from experiments.run import command

if __name__ == "__main__":
    command.start(experiments.VELOCITY)

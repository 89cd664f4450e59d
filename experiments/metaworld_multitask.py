r"""One policy for several tasks of a robot's arm, by acting in all of them.

Trains agents on tasks of Meta-World together and scores each on each task: soft
actor-critic with what its tasks share, with surgery on their gradients, tuned;
PPO and TRPO. The default takes some twelve minutes on two cores.

    ./bazelw run //experiments:metaworld_multitask
    ./bazelw run //experiments:metaworld_multitask -- \
        --benchmark=mt10 --steps=100000 --methods=sac,independent,sac_tuned

`experiments/flagfiles/metaworld_*.flags` hold the settings of papers, and what
they cost. A run that was stopped goes on when the same command is given again.
"""

from experiments.multitask_rl import experiment
from experiments.run import command

if __name__ == "__main__":
    command.start(experiment.EXPERIMENT)

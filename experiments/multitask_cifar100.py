r"""Learning several tasks at once: what to share, and gradient surgery.

Trains each method on all tasks of a data set together and scores it on each.
CIFAR-100's tasks are its 20 coarse classes, of which each asks for the fine
class among five (Yu et al. 2020, after Rosenbaum et al. 2018); those of the
embedded data are seven scripts, each asking for the letter among ten.

    ./bazelw run //experiments:multitask_cifar100
    ./bazelw run //experiments:multitask_cifar100 -- \
        --dataset=cifar100 --data_dir=/data/tfds --methods=all_fc,pcgrad

A run that was stopped goes on when the same command is given again.
"""

from experiments.multitask import experiment
from experiments.run import command

if __name__ == "__main__":
    command.start(experiment.EXPERIMENT)

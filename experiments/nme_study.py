r"""Where does a meta-learner memorize? Accuracy against the inner rate.

Trains every method at every inner learning rate on non-mutually-exclusive
tasks, and scores it on new tasks of the meta-validation classes, with their own
support sets and with another task's. The meta-test classes are left for the
settings that are chosen by this.

    ./bazelw run //experiments:nme_study
    ./bazelw run //experiments:nme_study -- --dataset=omniglot \
        --data_dir=/data/tfds --shots=5 --meta_batch_size=4

A cell, one method at one rate, is a run of `nme_classification` on one core in
a process of its own, several of them side by side; the flags of that command
are those of all cells. A study that was stopped goes on when the same command
is given again, in the midst of a cell if need be, and more methods and rates
may be asked for then.
"""

from experiments.few_shot import study
from experiments.run import command

if __name__ == "__main__":
    command.start(study.STUDY)

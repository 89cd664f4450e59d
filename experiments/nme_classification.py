r"""Does a meta-learner memorize? MAML and its kin on non-exclusive tasks.

Trains each method on few-shot classification tasks of which one function
solves all (non-mutually-exclusive tasks: every class bears the same label in
each), then asks how it does on tasks of new classes. A learner that memorized
reads the query alone: it is right before it has seen a support set, and with
another task's, and at chance on new classes (Yin et al. 2020, table 4).

    ./bazelw run //experiments:nme_classification
    ./bazelw run //experiments:nme_classification -- \
        --dataset=omniglot --data_dir=/data/tfds --methods=maml,mr_maml_w

A run that was stopped goes on when the same command is given again.
"""

from experiments.few_shot import experiment
from experiments.run import command

if __name__ == "__main__":
    command.start(experiment.EXPERIMENT)

r"""Tasks of a robot's arm learned together, from several seeds.

Trains each method from each seed, and shows the interquartile mean of success
over tasks and seeds with its 95% interval.

    ./bazelw run //experiments:metaworld_study
    ./bazelw run //experiments:metaworld_study -- \
        --flagfile=experiments/flagfiles/metaworld_mt5.flags --seeds=0,1,2,3,4

A cell, one method from one seed, is a run of `metaworld_multitask` on one core
in a process of its own, several of them side by side (`--jobs`); the flags of
that command are those of all cells. A study that was stopped goes on when the
same command is given again, in the midst of a cell if need be, and more methods
and seeds may be asked for then.
"""

from experiments.multitask_rl import study
from experiments.run import command

if __name__ == "__main__":
    command.start(study.STUDY)

r"""Does a robot arm find out what it is to do?

Trains MAML, RL2 and PEARL on a meta-learning benchmark of Meta-World, whose
goals no observation shows, and scores them on unseen goals or tasks.

    ./bazelw run //experiments:metaworld_meta -- --benchmark=ml1-reach
    ./bazelw run //experiments:metaworld_meta -- --benchmark=ml10 --methods=rl2

The package's settings take days on many cores: see `flagfiles/ml_*`.
A run that was stopped goes on when the same command is given again.
"""

from experiments.meta_rl import experiments
from experiments.run import command

if __name__ == "__main__":
    command.start(experiments.METAWORLD)

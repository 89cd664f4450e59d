r"""Does a meta-learner memorize sinusoids? MAML, neural processes, and kin.

Trains each method to regress sinusoids whose inputs name the task (an id, and
to each id its amplitude), so that one function solves all of them, then asks
how it does where the id tells nothing (Yin et al. 2020, section 6.1).

    ./bazelw run //experiments:sinusoid
    ./bazelw run //experiments:sinusoid -- --shots=10 --methods=maml,mr_maml_w

A run that was stopped goes on when the same command is given again.
"""

from experiments.run import command
from experiments.sinusoids import experiment

if __name__ == "__main__":
    command.start(experiment.EXPERIMENT)

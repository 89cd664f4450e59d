r"""Why gradient surgery works: the tragic triad, and Theorem 2.

Conflicting gradients, high curvature and unequal magnitudes stop gradient
descent on a sum of two losses in a valley that PCGrad walks through. Draws the
trajectories of Adam and of Adam with PCGrad on the landscape of Yu et al. 2020
(figure 1, appendix D), and counts on random quadratics whether the theorem's
conditions imply what it says.

    ./bazelw run //experiments:tragic_triad
"""

from experiments.landscape import experiment
from experiments.run import command

if __name__ == "__main__":
    command.start(experiment.EXPERIMENT)

r"""Does a meta-learner memorize how objects stand? MAML, neural processes, kin.

Trains each method to tell from images of an object, some of them with their
azimuths, the azimuths of the others. Azimuth 0 is an orientation of each
object's own, which a learner can adapt to, or memorize for the objects that it
is trained on; then it asks how it does on new ones (Yin et al. 2020, section
6.2).

    ./bazelw run //experiments:pose_prediction
    ./bazelw run //experiments:pose_prediction -- --cad=$HOME/CAD_off.zip
    ./bazelw run //experiments:pose_prediction -- --cad=$HOME/CAD_off.zip \
      --canonical=model

The first takes objects composed of primitives, the second the CAD models of
PASCAL3D+: a folder or zip file of `<class>/<instance>.off`. The third leaves
azimuth 0 where the models have it, the same for all of a class, as the paper's
code does; it alone can be held against the paper's figures. A run that was
stopped goes on when the same command is given again.
"""

from experiments.poses import experiment
from experiments.run import command

if __name__ == "__main__":
    command.start(experiment.EXPERIMENT)

"""Meta-learners: Keras models whose examples are tasks."""

from tfmeta.learners.adaptation import Adaptation
from tfmeta.learners.cnp import CNP
from tfmeta.learners.laplace import LaplacePosterior
from tfmeta.learners.learner import Learner, QueryPredictions
from tfmeta.learners.llama import LLAMA
from tfmeta.learners.maml import MAML
from tfmeta.learners.recurrent import RecurrentLearner
from tfmeta.learners.versa import VERSA, HeadPosterior

__all__ = [
    "CNP",
    "LLAMA",
    "MAML",
    "VERSA",
    "Adaptation",
    "HeadPosterior",
    "LaplacePosterior",
    "Learner",
    "QueryPredictions",
    "RecurrentLearner",
]

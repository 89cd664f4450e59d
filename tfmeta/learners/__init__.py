"""Meta-learners: Keras models whose examples are tasks."""

from tfmeta.learners.learner import Learner, QueryPredictions
from tfmeta.learners.maml import MAML

__all__ = ["MAML", "Learner", "QueryPredictions"]

"""Networks of the papers, as builders of Keras models."""

from tfmeta.networks.convolutional import conv4
from tfmeta.networks.perceptron import mlp

__all__ = ["conv4", "mlp"]

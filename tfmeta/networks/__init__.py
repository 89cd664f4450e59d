"""Builders of the networks of the papers, as Keras models."""

from tfmeta.networks.amortization import amortized_head
from tfmeta.networks.attention import mtan
from tfmeta.networks.cifar_multitask import task_networks
from tfmeta.networks.convolutional import conv4
from tfmeta.networks.neural_processes import (
    NeuralProcess,
    class_neural_process,
    neural_process,
)
from tfmeta.networks.perceptron import mlp
from tfmeta.networks.pose import pose_encoder, pose_regressor
from tfmeta.networks.recurrent import RecurrentNetworks, recurrent_networks
from tfmeta.networks.routing import routing_networks
from tfmeta.networks.sharing import hard_sharing, join_tasks

__all__ = [
    "NeuralProcess",
    "RecurrentNetworks",
    "amortized_head",
    "class_neural_process",
    "conv4",
    "hard_sharing",
    "join_tasks",
    "mlp",
    "mtan",
    "neural_process",
    "pose_encoder",
    "pose_regressor",
    "recurrent_networks",
    "routing_networks",
    "task_networks",
]

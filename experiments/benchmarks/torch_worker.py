"""MAML's outer step in PyTorch, by the two usual ways through a meta-batch.

`learn2learn` is the algorithm of the package of that name, written out, for the
package itself does not build on Python 3.11: a loop over tasks, each with a
clone of the module (`clone_module`), which `torch.autograd.grad` with
`create_graph=True` moves (`maml_update`), and a backward pass of its own.

`torch_func` differentiates the mean of the losses of tasks under
`torch.func.vmap`, as PyTorch's own MAML example does; `torch_func_im2col` does
so with convolutions written as `unfold` and a matrix product. Their moments are
explicit, for `vmap` over native batch normalization gives wrong second
derivatives.

PyTorch pads all sides alike, TensorFlow at even sizes the end alone. Turning
images and kernels by 180 degrees turns the one into the other, so nobody pays
for padding of its own.

Imports nothing of this repository, see `worker.py`.
"""

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # type: ignore[import-not-found,unused-ignore]
from torch import nn  # type: ignore[import-not-found,unused-ignore]
from torch.nn import functional  # type: ignore[import-not-found,unused-ignore]

if TYPE_CHECKING:
    from experiments.benchmarks import problems, worker

_EPSILON = 1e-3
# Height and width of the images that conv-4's head flattens.
_CONV4_SIDE = 2


def build(job: "problems.Job") -> "worker.Contender":
    """Returns the contender's step and gradient."""
    if job.network == "conv4":
        network: Any = _Conv4(job.weights)
        loss, side = functional.cross_entropy, _CONV4_SIDE
    else:
        network, loss, side = _MLP(job.weights), functional.mse_loss, 1
    parameters = list(network.parameters())
    for parameter, weight in zip(parameters, job.weights, strict=True):
        parameter.data = _to_torch(weight, side)
    fill_gradients: Any = {
        "learn2learn": _loop_backward,
        "torch_func": functools.partial(_vmapped_backward, functional.conv2d),
        "torch_func_im2col": functools.partial(_vmapped_backward, _im2col),
    }[job.contender]
    optimizer = torch.optim.Adam(
        parameters, job.outer_learning_rate, eps=1e-7, fused=True
    )
    episodes = [_episode_to_torch(array) for array in job.episodes]

    def step() -> float:
        optimizer.zero_grad()
        mean_loss = fill_gradients(network, loss, job, episodes)
        optimizer.step()
        return mean_loss

    def gradient() -> list[np.ndarray]:
        optimizer.zero_grad()
        fill_gradients(network, loss, job, episodes)
        return [
            _from_torch(parameter.grad, weight.shape, side)
            for parameter, weight in zip(parameters, job.weights, strict=True)
        ]

    return step, gradient  # type: ignore[return-value]


def _loop_backward(network, loss, job, episodes) -> float:
    tasks = len(episodes[0])
    total = 0.0
    for support_x, support_y, query_x, query_y in zip(*episodes, strict=True):
        adapted = _clone_module(network)
        for _ in range(job.inner_steps):
            weights = list(_named_weights(adapted))
            gradients = torch.autograd.grad(
                loss(adapted(support_x), support_y),
                [module._parameters[name] for module, name in weights],
                create_graph=True,
            )
            for (module, name), gradient in zip(
                weights, gradients, strict=True
            ):
                module._parameters[name] = (
                    module._parameters[name]
                    - job.inner_learning_rate * gradient
                )
        query_loss = loss(adapted(query_x), query_y)
        query_loss.backward()
        total += query_loss.item()
    for parameter in network.parameters():
        parameter.grad.mul_(1 / tasks)
    return total / tasks


def _clone_module(module):
    """Returns a module of the same kind whose weights are clones, with a graph.

    As does learn2learn's function of this name.
    """
    clone = module.__new__(type(module))
    clone.__dict__ = module.__dict__.copy()
    clone._parameters = {
        name: None if parameter is None else parameter.clone()
        for name, parameter in module._parameters.items()
    }
    clone._modules = {
        name: _clone_module(child) for name, child in module._modules.items()
    }
    return clone


def _named_weights(module):
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield module, name
    for child in module._modules.values():
        yield from _named_weights(child)


def _vmapped_backward(convolve, network, loss, job, episodes) -> float:
    def predict(weights, inputs):
        return network.run_functional(weights, inputs, convolve)

    def task_loss(weights, support_x, support_y, query_x, query_y):
        gradient = torch.func.grad(
            lambda w: loss(predict(w, support_x), support_y)
        )
        for _ in range(job.inner_steps):
            weights = [
                weight - job.inner_learning_rate * g
                for weight, g in zip(weights, gradient(weights), strict=True)
            ]
        return loss(predict(weights, query_x), query_y)

    mean_loss = torch.func.vmap(task_loss, (None, 0, 0, 0, 0))(
        list(network.parameters()), *episodes
    ).mean()
    mean_loss.backward()
    return mean_loss.item()


class _Conv4(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.blocks = nn.ModuleList()
        for kernel in weights[:-2:3]:
            channels, filters = kernel.shape[2:]
            self.blocks.append(
                nn.Sequential(
                    nn.Conv2d(
                        channels, filters, 3, stride=2, padding=1, bias=False
                    ),
                    nn.BatchNorm2d(
                        filters, _EPSILON, track_running_stats=False
                    ),
                    nn.ReLU(),
                )
            )
        self.head = nn.Linear(*weights[-2].shape)

    def forward(self, images):
        for block in self.blocks:
            images = block(images)
        return self.head(images.flatten(1))

    @staticmethod
    def run_functional(weights, images, convolve):
        hidden = images
        for kernel, gamma, beta in zip(*[iter(weights[:-2])] * 3, strict=True):
            hidden = convolve(hidden, kernel, stride=2, padding=1)
            centered = hidden - hidden.mean((0, 2, 3), keepdim=True)
            variance = centered.square().mean((0, 2, 3), keepdim=True)
            scale = gamma[:, None, None] * (variance + _EPSILON).rsqrt()
            hidden = functional.relu(centered * scale + beta[:, None, None])
        return functional.linear(hidden.flatten(1), *weights[-2:])


class _MLP(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(*kernel.shape) for kernel in weights[::2]
        )

    def forward(self, values):
        for layer in self.layers[:-1]:
            values = functional.relu(layer(values))
        return self.layers[-1](values)

    @staticmethod
    def run_functional(weights, values, convolve):
        del convolve  # There is none.
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            values = functional.relu(functional.linear(values, kernel, bias))
        return functional.linear(values, *weights[-2:])


def _im2col(images, kernel, *, stride: int, padding: int):
    """Convolves by one matrix product, as `conv2d` does for square images."""
    patches = functional.unfold(
        images, kernel.shape[-1], stride=stride, padding=padding
    )
    side = math.isqrt(patches.shape[-1])
    return (kernel.flatten(1) @ patches).unflatten(-1, (side, side))


def _episode_to_torch(array: np.ndarray):
    if np.issubdtype(array.dtype, np.integer):
        return torch.tensor(array, dtype=torch.int64)
    if array.ndim == 5:  # Images [tasks, examples, H, W, C].
        array = array[:, :, ::-1, ::-1].transpose(0, 1, 4, 2, 3)
    return torch.tensor(array.copy())


def _to_torch(weight: np.ndarray, side: int):
    """Converts a weight from TensorFlow's layout.

    Args:
        weight: a vector, a kernel `[H, W, in, out]` or `[in, out]`.
        side: height and width of the image that a matrix multiplies.
    """
    if weight.ndim == 2:
        return _to_torch(
            weight.reshape(side, side, -1, weight.shape[1]), side
        ).flatten(1)
    if weight.ndim == 4:
        weight = weight[::-1, ::-1].transpose(3, 2, 0, 1)
    return torch.tensor(weight.copy())


def _from_torch(gradient, shape: tuple[int, ...], side: int) -> np.ndarray:
    """Undoes `_to_torch`, for a weight of this shape in TensorFlow."""
    if len(shape) == 2:
        window = gradient.reshape(shape[1], -1, side, side)
        return _from_torch(window, (side, side, 0, 0), side).reshape(shape)
    array = gradient.numpy()
    return array.transpose(2, 3, 1, 0)[::-1, ::-1] if len(shape) == 4 else array

"""Matrices of task gradients, of all kinds that training meets."""

import numpy as np
import tensorflow as tf

KINDS = (
    "independent",
    "conflicting",
    "agreeing",
    "of_all_lengths",
    "linearly_dependent",
)


def make(kind: str, tasks: int, size: int = 0, seed: int = 0) -> np.ndarray:
    """Returns task gradients `[tasks, size]` in float64."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(tasks, size or 3 * tasks))
    if kind == "conflicting":
        matrix -= 0.9 * matrix.mean(0)
    elif kind == "agreeing":
        matrix += 2 * rng.normal(size=matrix.shape[1])
    elif kind == "of_all_lengths":
        matrix *= np.exp(3 * rng.normal(size=(tasks, 1)))
    elif kind == "linearly_dependent":
        matrix = rng.normal(size=(tasks, (tasks + 1) // 2)) @ matrix[::2]
    return matrix


def gramian(matrix: np.ndarray, dtype=tf.float64) -> tf.Tensor:
    """Returns the inner products of rows."""
    matrix = matrix.astype(dtype.as_numpy_dtype)
    return tf.constant(matrix @ matrix.T)


def cosines(update: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns each row's cosine with the update, 0 if a length is 0."""
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(update)
    return (matrix @ update) / np.where(lengths > 0, lengths, 1)

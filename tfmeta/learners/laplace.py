"""A Gaussian around adapted weights: Laplace's approximation."""

from typing import NamedTuple

import tensorflow as tf


class LaplacePosterior(NamedTuple):
    """`N(mean, H^-1)` with `H = tau I + J^T Lambda J`.

    J is the Jacobian of a support set's predictions and Lambda the Hessian of
    the negative log-likelihood in the predictions, block by block. Without the
    second derivatives of the network itself this is the generalized
    Gauss-Newton matrix: never indefinite where the loss is convex in the
    predictions; the exact Hessian where the predictions are linear in the
    weights, as in a head's; and the Fisher information where the likelihood is
    of an exponential family in its natural parameters, as cross-entropy of
    logits is (Martens 2020, "New Insights and Perspectives on the Natural
    Gradient Method", sections 8 and 9).

    H is `[weights, weights]`; what is factorized is that, or a matrix
    `[outputs, outputs]`, whichever is smaller.

    Attributes:
        mean: `[weights]`, the adapted weights, one after another.
        jacobian: J `[outputs, weights]`; the predictions of all support
            examples, one after another.
        loss_hessians: blocks of Lambda, `[support, k, k]` with k outputs an
            example.
        prior_precision: tau, scalar.
    """

    mean: tf.Tensor
    jacobian: tf.Tensor
    loss_hessians: tf.Tensor
    prior_precision: tf.Tensor

    def precision(self) -> tf.Tensor:
        """Returns H, `[weights, weights]`."""
        size = tf.shape(self.mean)[0]
        return self.prior_precision * tf.eye(
            size, dtype=self.mean.dtype
        ) + tf.matmul(self.jacobian, self._curve(), transpose_a=True)

    def log_determinant(self) -> tf.Tensor:
        """Returns `log det(H / tau)`, scalar, in nats.

        It is twice the information that the support set's curvature adds to the
        prior's: not negative, and 0 where the predictions do not depend on the
        weights.
        """
        matrix = (
            self._outputs_matrix()
            if self._has_fewer_outputs()
            else self.precision()
        )
        # By det(I + A B) = det(I + B A), one as good as the other.
        return tf.linalg.slogdet(matrix / self.prior_precision)[1]

    def draw(self, draws: int, seed: tf.Tensor) -> tf.Tensor:
        """Draws weights.

        Args:
            draws: how many.
            seed: `[2]`.

        Returns:
            `[draws, weights]`.
        """
        seeds = tf.unstack(tf.random.split(tf.cast(seed, tf.int32), 2))
        of_prior, of_outputs = (
            tf.random.stateless_normal(
                (tf.shape(values)[0], draws), own_seed, dtype=values.dtype
            )
            for values, own_seed in zip(
                (self.mean, self.jacobian), seeds, strict=True
            )
        )
        # Noise of covariance H, which H^-1 turns into noise of H^-1.
        noise = tf.sqrt(self.prior_precision) * of_prior + tf.matmul(
            self.jacobian,
            self._blockwise(_square_root(self.loss_hessians), of_outputs),
            transpose_a=True,
        )
        return self.mean + tf.transpose(self._solve(noise))

    def _solve(self, values: tf.Tensor) -> tf.Tensor:
        """Returns `H^-1 values`."""
        if not self._has_fewer_outputs():
            return tf.linalg.solve(self.precision(), values)
        # The matrix inversion lemma.
        inner = tf.linalg.solve(
            self._outputs_matrix(), tf.matmul(self._curve(), values)
        )
        return (
            values - tf.matmul(self.jacobian, inner, transpose_a=True)
        ) / self.prior_precision

    def _has_fewer_outputs(self) -> bool:
        outputs, weights = self.jacobian.shape
        return outputs is not None and outputs < weights

    def _outputs_matrix(self) -> tf.Tensor:
        """Returns `tau I + Lambda J J^T`, `[outputs, outputs]`."""
        size = tf.shape(self.jacobian)[0]
        return self.prior_precision * tf.eye(
            size, dtype=self.mean.dtype
        ) + tf.matmul(self._curve(), self.jacobian, transpose_b=True)

    def _curve(self) -> tf.Tensor:
        """Returns `Lambda J`, `[outputs, weights]`."""
        return self._blockwise(self.loss_hessians, self.jacobian)

    def _blockwise(self, blocks: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Multiplies `[outputs, ...]` by a matrix given as its blocks."""
        shape = tf.shape(values)
        per_example = tf.reshape(
            values, tf.concat([tf.shape(blocks)[:2], shape[1:]], 0)
        )
        product = tf.reshape(tf.matmul(blocks, per_example), shape)
        return tf.ensure_shape(product, values.shape)


def _square_root(blocks: tf.Tensor) -> tf.Tensor:
    """Returns S with `S S^T` = each block, which may be singular."""
    eigenvalues, vectors = tf.linalg.eigh(blocks)
    return vectors * tf.sqrt(tf.maximum(eigenvalues, 0))[:, None, :]

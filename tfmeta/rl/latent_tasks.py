"""What is known of a task as a normal distribution, from rows of what was seen.

That of PEARL (Rakelly et al. 2019, section 4.2): each row, such as a state, an
action and their reward, says something on its own, and what all say together is
the product. So their order does not matter, nor how many there are.
"""

from typing import Any

import tensorflow as tf

from tfmeta.layers.variational import lazy_distributions as tfd

# Of a row's Gaussian: none says so much that no other can be heard.
_LEAST_VARIANCE = 1e-4


def prior(latent_size: int) -> Any:
    """Returns what is known where nothing was seen: the standard normal.

    Args:
        latent_size: numbers in the latent variable.
    """
    return tfd.MultivariateNormalDiag(tf.zeros(latent_size))


def posterior(factors: tf.Tensor, present: tf.Tensor) -> Any:
    """Returns the product of the prior and of a Gaussian for each row.

    The paper's product has no prior in it, so that of no rows there is none.
    With it no rows say what the prior does, and many rows outweigh it.

    Args:
        factors: of an encoder, `[..., rows, 2 latent_size]`: means, and what
            variances are the softplus of.
        present: 1 for rows that count, 0 for those that fill an array up,
            `[..., rows]`.

    Returns:
        A distribution over `[..., latent_size]`.
    """
    means, raw = tf.split(factors, 2, axis=-1)
    precisions = present[..., tf.newaxis] / (
        tf.nn.softplus(raw) + _LEAST_VARIANCE
    )
    precision = 1 + tf.reduce_sum(precisions, -2)
    mean = tf.reduce_sum(precisions * means, -2) / precision
    return tfd.MultivariateNormalDiag(mean, tf.math.rsqrt(precision))


def divergence(known: Any) -> tf.Tensor:
    """Returns KL(known || prior) in nats: what the rows told of the task.

    Args:
        known: of `posterior`.
    """
    return tfd.kl_divergence(known, prior(known.event_shape[0]))

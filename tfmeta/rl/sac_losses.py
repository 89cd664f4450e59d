"""The losses of soft actor-critic (Haarnoja et al. 2018b), as pure functions.

Each is the mean over the last axis, a batch of transitions; axes before it,
such as tasks, stay. Numbers of equations are those of "Soft Actor-Critic
Algorithms and Applications".
"""

import tensorflow as tf

from tfmeta import errors


def targets(
    rewards: tf.Tensor,
    terminated: tf.Tensor,
    next_values: tf.Tensor,
    next_log_densities: tf.Tensor,
    *,
    temperature: tf.Tensor,
    discount: float,
) -> tf.Tensor:
    """Returns what critics are to say, `[...]` (equations 3 and 5).

    Args:
        rewards: `[...]`.
        terminated: 1 where nothing comes after, `[...]`.
        next_values: of the target critics for a new action in the next state,
            `[..., critics]`; the least counts.
        next_log_densities: of that action, `[...]`.
        temperature: alpha; a scalar, or one that fits `[...]`.
        discount: gamma.
    """
    _check_ranks(
        rewards=(rewards, 0),
        terminated=(terminated, 0),
        next_values=(next_values, 1),
        next_log_densities=(next_log_densities, 0),
        of=rewards,
    )
    soft = tf.reduce_min(next_values, -1) - temperature * next_log_densities
    return rewards + discount * (1 - terminated) * soft


def critic_loss(values: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Returns half the squared error, summed over critics (equation 5).

    Args:
        values: `[..., batch, critics]`.
        wanted: of `targets`, `[..., batch]`; no gradient goes there.

    Returns:
        The losses, `[...]`.
    """
    _check_ranks(wanted=(wanted, 0), values=(values, 1), of=wanted)
    errors_of = values - tf.stop_gradient(wanted)[..., tf.newaxis]
    return 0.5 * tf.reduce_mean(tf.reduce_sum(errors_of**2, -1), -1)


def actor_loss(
    values: tf.Tensor, log_densities: tf.Tensor, *, temperature: tf.Tensor
) -> tf.Tensor:
    """Returns the mean of `alpha log pi(a|s) - min Q(s, a)` (equation 7).

    Args:
        values: of the critics for a drawn action, `[..., batch, critics]`.
        log_densities: of that action, `[..., batch]`.
        temperature: alpha, `[...]`; no gradient goes there.

    Returns:
        The losses, `[...]`.
    """
    _check_ranks(
        log_densities=(log_densities, 0), values=(values, 1), of=log_densities
    )
    costs = tf.stop_gradient(temperature)[..., tf.newaxis] * log_densities
    return tf.reduce_mean(costs - tf.reduce_min(values, -1), -1)


def temperature_loss(
    log_temperature: tf.Tensor, entropy: tf.Tensor, *, target: float
) -> tf.Tensor:
    """Returns what raises alpha where the policy's entropy is too low.

    Equation 18 with log alpha in the place of alpha, as in the authors' code:
    `log alpha (H - target)`.

    Args:
        log_temperature: `[...]`.
        entropy: H, minus the mean log-density of drawn actions, `[...]`; no
            gradient goes there.
        target: the entropy wanted, in nats.

    Returns:
        The losses, `[...]`.
    """
    _check_ranks(
        log_temperature=(log_temperature, 0), entropy=(entropy, 0), of=entropy
    )
    return log_temperature * tf.stop_gradient(entropy - target)


def _check_ranks(*, of: tf.Tensor, **tensors: tuple[tf.Tensor, int]) -> None:
    """Checks that ranks differ as they should: else they would broadcast."""
    rank = len(of.shape)
    for name, (tensor, more) in tensors.items():
        if len(tensor.shape) != rank + more:
            raise errors.InputError(
                f"{name}: of shape {tuple(tensor.shape)}, expected rank "
                f"{rank + more}"
            )

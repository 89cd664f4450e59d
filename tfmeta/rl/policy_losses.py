"""Losses of policy gradients, as pure functions of distributions.

Each is the mean over the last axis, the steps that were taken; axes before it,
such as tasks, stay. All are minus what is to grow.
"""

from typing import NamedTuple

import tensorflow as tf

from tfmeta import errors
from tfmeta.rl import policies


class PolicyBatch(NamedTuple):
    """Steps that a policy took, and what came of them.

    Attributes:
        observation: what was seen, `[tasks, steps, observation_size]`.
        action: what was done, `[tasks, steps, action_size]`.
        advantage: how much better than expected it was, `[tasks, steps]`.
        first: the number of the episode's first step among the steps, `[tasks,
            steps]` int32.
    """

    observation: tf.Tensor
    action: tf.Tensor
    advantage: tf.Tensor
    first: tf.Tensor

    def as_tensors(self) -> "PolicyBatch":
        """Returns the same as tensors, of float32 but for `first`."""
        return PolicyBatch(
            tf.constant(self.observation, tf.float32),
            tf.constant(self.action, tf.float32),
            tf.constant(self.advantage, tf.float32),
            tf.constant(self.first, tf.int32),
        )


def importance_loss(
    log_densities: tf.Tensor,
    old_log_densities: tf.Tensor,
    advantages: tf.Tensor,
) -> tf.Tensor:
    """Returns minus the mean of `pi(a|s) / pi_old(a|s) A`.

    What TRPO improves (Schulman et al. 2015, equation 14).

    Args:
        log_densities: of the actions under the policy, `[..., steps]`.
        old_log_densities: under the policy that took them, likewise; no
            gradient goes there.
        advantages: `[..., steps]`.

    Returns:
        The losses, `[...]`.

    Raises:
        InputError: if the shapes differ.
    """
    ratios = _ratios(log_densities, old_log_densities, advantages)
    return -tf.reduce_mean(ratios * advantages, -1)


def clipped_loss(
    log_densities: tf.Tensor,
    old_log_densities: tf.Tensor,
    advantages: tf.Tensor,
    *,
    clip: float,
) -> tf.Tensor:
    """Returns minus the mean of `min(r A, clip(r, 1 - e, 1 + e) A)`.

    With r the ratio of `importance_loss` (PPO: Schulman et al. 2017, equation
    7).

    Args:
        log_densities: of the actions under the policy, `[..., steps]`.
        old_log_densities: under the policy that took them, likewise; no
            gradient goes there.
        advantages: `[..., steps]`.
        clip: e, how far the ratio can pay.

    Returns:
        The losses, `[...]`.

    Raises:
        InputError: if the shapes differ.
    """
    ratios = _ratios(log_densities, old_log_densities, advantages)
    clipped = tf.clip_by_value(ratios, 1 - clip, 1 + clip)
    return -tf.reduce_mean(
        tf.minimum(ratios * advantages, clipped * advantages), -1
    )


def log_density_loss(
    distributions: policies.Normal, batch: PolicyBatch
) -> tf.Tensor:
    """Returns minus the mean of `log pi(a|s) A`.

    Its gradient is the policy gradient (Williams 1992). The gradient's own
    derivative is not: it holds the sampled steps fixed, and so lacks how the
    policy changes which steps are sampled (Al-Shedivat et al. 2018: E-MAML;
    Foerster et al. 2018, section 3). It is what the code of MAML has.

    Args:
        distributions: of the actions, under the policy that took them.
        batch: what was done, and how good it was.

    Returns:
        The losses, `[tasks]`.

    Raises:
        InputError: if the shapes differ.
    """
    _check_like(batch.advantage, batch.action[..., 0])
    return -tf.reduce_mean(
        distributions.log_density(batch.action) * batch.advantage, -1
    )


def lvc_loss(distributions: policies.Normal, batch: PolicyBatch) -> tf.Tensor:
    """Returns minus the mean of `pi(a|s) / stop_gradient(pi(a|s)) A`.

    The low-variance curvature of ProMP (Rothfuss et al. 2019): its gradient is
    the policy gradient, and its second derivative has what `log_density_loss`
    lacks but for how earlier actions change later states' advantages, which
    would be most of the noise.

    Args:
        distributions: of the actions, under the policy that took them.
        batch: what was done, and how good it was.

    Returns:
        The losses, `[tasks]`.

    Raises:
        InputError: if the shapes differ.
    """
    log_densities = distributions.log_density(batch.action)
    return importance_loss(log_densities, log_densities, batch.advantage)


def dice_loss(distributions: policies.Normal, batch: PolicyBatch) -> tf.Tensor:
    """Returns minus the mean of what DiCE has in the place of `log pi(a|s) A`.

    With C_t the sum of log-densities of an episode up to step t, and `box(x) =
    exp(x - stop_gradient(x))`, it is `(box(C_t) - box(C_{t-1})) A` (Farquhar et
    al. 2019, "Loaded DiCE"). All its derivatives estimate those of
    the expected return without bias; it is 0 itself.

    Returns:
        The losses, `[tasks]`.
    """
    _check_like(batch.advantage, batch.action[..., 0])
    log_densities = distributions.log_density(batch.action)
    before = tf.cumsum(log_densities, axis=-1, exclusive=True)
    before -= tf.gather(before, batch.first, batch_dims=1)
    boxes = _box(before + log_densities) - _box(before)
    return -tf.reduce_mean(boxes * batch.advantage, -1)


INNER_LOSSES = {
    "log_density": log_density_loss,
    "lvc": lvc_loss,
    "dice": dice_loss,
}
"""What an inner loop descends, by the name of an argument."""


def _box(values: tf.Tensor) -> tf.Tensor:
    return tf.exp(values - tf.stop_gradient(values))


def _ratios(log_densities, old_log_densities, advantages) -> tf.Tensor:
    _check_like(advantages, log_densities)
    _check_like(advantages, old_log_densities)
    return tf.exp(log_densities - tf.stop_gradient(old_log_densities))


def _check_like(advantages: tf.Tensor, others: tf.Tensor) -> None:
    """Checks that shapes agree: else they would broadcast."""
    if tuple(advantages.shape) != tuple(others.shape):
        raise errors.InputError(
            f"advantages: of shape {tuple(advantages.shape)}, expected "
            f"{tuple(others.shape)}, one for each step"
        )

"""LLAMA: gradient-based meta-learning as hierarchical Bayes."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import functional_network
from tfmeta.learners import laplace, maml


class _SampledState(NamedTuple):
    """A task's adapted state at test.

    Attributes:
        weights: the network's, adapted.
        draws: for each adapted weight its draws, `[draws, *weight.shape]`.
    """

    weights: list[tf.Tensor]
    draws: list[tf.Tensor]


@keras.saving.register_keras_serializable("tfmeta")
class LLAMA(maml.MAML):
    """A Laplace approximation for meta-adaptation (Grant et al. 2018).

    MAML as empirical Bayes: the initialization theta is the mean of a prior
    `N(theta, (tau I)^-1)` over a task's weights phi, and adaptation looks for
    the mode phi* of their posterior, by gradient steps on

        L_support(phi) + tau / (2 N) |phi - theta|^2

    with the mean loss L of N support examples. MAML takes phi* for all there
    is to know of phi; LLAMA takes a Gaussian `N(phi*, H^-1)` around it, with
    `H = tau I + F` and F the curvature of the negative log-likelihood `N
    L_support`. The loss of a task in the outer loop is then (the paper's
    subroutine 4)

        L_query(phi*) + eta log det(H / tau),

    where tau is a constant, there for a term that is 0 without any curvature.
    The paper's loss is a sum over the queries and not their mean, so that its
    eta is ours times their number; eta 1/2 of a sum is the Laplace
    approximation of the evidence, see `log_evidence`.

    Where the paper approximates F by Kronecker factors, it is exact here: the
    generalized Gauss-Newton matrix (see `LaplacePosterior`), which is the
    Hessian itself where only a head is adapted. Its log-determinant costs the
    cube of the number of adapted weights or of the support set's outputs,
    whichever is smaller: adapt few weights, `adapted="head"`.

    The compiled loss has to be the negative log-likelihood of an example:
    cross-entropy is; a squared error e has to be brought to its noise of
    variance s2, `e / (2 s2) + log(2 pi s2) / 2`.

    Gradient steps that stop early hold phi near theta by themselves, as a prior
    would of the precision N over inner rate times steps in directions of little
    curvature (the paper's section 3): tau adds to that. Predictions over draws
    want a tau of that size, for a smaller one allows weights that the steps
    would never reach.

    Args:
        network: a built Keras model.
        prior_precision: tau, positive.
        curvature_weight: eta, not negative.
        test_draws: of weights from `N(phi*, H^-1)`, over which predictions are
            averaged at test (probabilities, where the loss is one of class
            labels: predictions are then the logarithms of their mean). By
            default predictions are those of phi*.
        **maml_arguments: see `MAML`.

    Raises:
        InputError: if an argument is out of range, or see `MAML`; in training,
            if inner rate times tau is 2 N or more: then the steps towards theta
            overshoot ever further.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        prior_precision: float = 1.0,
        curvature_weight: float = 1e-4,
        test_draws: int = 0,
        **maml_arguments: Any,
    ):
        super().__init__(network, **maml_arguments)
        # F is differentiated, whether or not the inner loop is.
        functional_network.check_network(network, second_order=True)
        if not 0 < prior_precision < math.inf:
            raise errors.InputError(
                f"prior_precision={prior_precision}: expected a positive number"
            )
        if not 0 <= curvature_weight < math.inf:
            raise errors.InputError(
                f"curvature_weight={curvature_weight}: expected a number not "
                "below 0"
            )
        if test_draws < 0:
            raise errors.InputError(
                f"test_draws={test_draws}: expected a number not below 0"
            )
        self._prior_precision = prior_precision
        self._curvature_weight = curvature_weight
        self._test_draws = test_draws

    def posterior(self, support_x, support_y) -> laplace.LaplacePosterior:
        """Approximates the posterior over a task's adapted weights, as at test.

        Args:
            support_x: `[support, ...]`.
            support_y: `[support, ...]`.
        """
        run = functional_network.Pass(training=False)
        adapted = super().adapted_state(
            self._weight_values(), self._cast(support_x), support_y, run
        )
        return self._posterior(adapted, self._cast(support_x), support_y, run)

    def log_evidence(self, support_x, support_y) -> tf.Tensor:
        """Approximates the logarithm of the evidence of a support set, in nats.

        Laplace's approximation of `log p(support_y | support_x, theta)`,

            -N L_support(phi*) - tau / 2 |phi* - theta|^2 - log det(H / tau) / 2

        exact where the predictions are linear in phi, the noise is Gaussian,
        and the inner loop has converged.

        Args:
            support_x: `[support, ...]`.
            support_y: `[support, ...]`.
        """
        run = functional_network.Pass(training=False)
        initial = self._weight_values()
        adapted = super().adapted_state(
            initial, self._cast(support_x), support_y, run
        )
        predictions, _ = super().query_predictions(
            adapted, self._cast(support_x), run
        )
        posterior = self._posterior(
            adapted, self._cast(support_x), support_y, run
        )
        loss = self._inner_loss(
            support_y,
            predictions,
            self._adapted_of(adapted),
            self._adapted_of(self.network_weights(initial)),
        )
        return (
            -_count(support_y, loss.dtype) * loss
            - posterior.log_determinant() / 2
        )

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "prior_precision": self._prior_precision,
            "curvature_weight": self._curvature_weight,
            "test_draws": self._test_draws,
        }

    @property
    def _fast_under_xla(self) -> bool:
        return False  # XLA has no LogMatrixDeterminant on the CPU.

    @property
    def calls_per_task(self) -> int:
        """One more than MAML, for the curvature."""
        return super().calls_per_task + 1

    def _outer_pass(self, episodes, seed, common_seed):
        # Outside of the tasks, within which TensorFlow wraps what is raised.
        examples = episodes.support_x.shape[1]
        rate = self._inner_learning_rate
        if examples and rate * self._prior_precision >= 2 * examples:
            raise errors.InputError(
                f"prior_precision={self._prior_precision}: expected less than "
                f"{2 * examples / rate:g}, for steps of inner_learning_rate="
                f"{rate} on {examples} support examples diverge"
            )
        return super()._outer_pass(episodes, seed, common_seed)

    def _inner_loss(self, support_y, predictions, adapted, start):
        loss = super()._inner_loss(support_y, predictions, adapted, start)
        distance = tf.add_n(
            [
                tf.reduce_sum((weight - origin) ** 2)
                for weight, origin in zip(adapted, start, strict=True)
            ]
        )
        examples = _count(support_y, loss.dtype)
        return loss + self._prior_precision / (2 * examples) * distance

    def adaptation_losses(self, state, support_x, support_y, run):
        """Returns the weighted log-determinant."""
        posterior = self._posterior(state, support_x, support_y, run)
        return [self._curvature_weight * posterior.log_determinant()]

    def adapted_state(self, weights, support_x, support_y, run):
        """Returns the adapted weights, at test with draws if there are any."""
        adapted = super().adapted_state(weights, support_x, support_y, run)
        if run.training or not self._test_draws:
            return adapted
        posterior = self._posterior(adapted, support_x, support_y, run)
        # The same noise for every task, and at every call.
        draws = posterior.draw(self._test_draws, tf.constant([self._seed, 0]))
        shapes = [weight.shape for weight in self._adapted_of(adapted)]
        parts = tf.split(
            draws, [shape.num_elements() for shape in shapes], axis=1
        )
        return _SampledState(
            adapted,
            [
                tf.reshape(part, (self._test_draws, *shape))
                for part, shape in zip(parts, shapes, strict=True)
            ],
        )

    def query_predictions(self, state, query_x, run):
        """Predicts with the state weights, or averages over the draws."""
        if not isinstance(state, _SampledState):
            return super().query_predictions(state, query_x, run)
        features, losses = self._features(state.weights, query_x, run, 0)
        predictions = [
            self._run_head(
                self._replace_adapted(state.weights, draw), features, run
            )[0]
            for draw in zip(
                *(tf.unstack(draws) for draws in state.draws), strict=True
            )
        ]
        return self._average(tf.stack(predictions)), losses

    def _average(self, predictions: tf.Tensor) -> tf.Tensor:
        """Averages what draws predict, `[draws, queries, ...]`."""
        if not self.takes_class_logits:
            return tf.reduce_mean(predictions, axis=0)
        return tf.reduce_logsumexp(
            tf.nn.log_softmax(predictions), axis=0
        ) - math.log(self._test_draws)

    def _posterior(
        self, weights, support_x, support_y, run
    ) -> laplace.LaplacePosterior:
        """Approximates the posterior around adapted weights."""
        call = self._inner_steps + 1
        adapted = self._adapted_of(weights)
        features, _ = self._features(weights, support_x, run, call)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(adapted)
            predictions, _ = self._run_head(
                self._replace_adapted(weights, adapted), features, run, call
            )
            outputs = tf.reshape(predictions, (-1,))
        jacobians = tape.jacobian(
            outputs, adapted, unconnected_gradients="zero"
        )
        return laplace.LaplacePosterior(
            mean=tf.concat([tf.reshape(w, (-1,)) for w in adapted], 0),
            jacobian=tf.concat(
                [
                    tf.reshape(
                        j, (tf.shape(outputs)[0], w.shape.num_elements())
                    )
                    for j, w in zip(jacobians, adapted, strict=True)
                ],
                axis=1,
            ),
            loss_hessians=self._loss_hessians(support_y, predictions),
            prior_precision=tf.constant(self._prior_precision, outputs.dtype),
        )

    def _loss_hessians(self, y, predictions: tf.Tensor) -> tf.Tensor:
        """Returns the Hessian of each example's loss in its predictions."""
        flat = tf.reshape(
            predictions,
            (tf.shape(predictions)[0], predictions.shape[1:].num_elements()),
        )
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(flat)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(flat)
                loss = self._loss(y, tf.reshape(flat, tf.shape(predictions)))
                loss *= _count(y, loss.dtype)
            gradient = inner.gradient(loss, flat)
        return outer.batch_jacobian(gradient, flat)


def _count(y, dtype: tf.DType) -> tf.Tensor:
    return tf.cast(tf.shape(y)[0], dtype)

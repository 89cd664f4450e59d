"""Model-agnostic meta-learning, and what is configured from it."""

import dataclasses
import fnmatch
import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import functional_network, inner_loop
from tfmeta.learners import learner
from tfmeta.regularizers import task_regularizer as task_regularizer_lib

LEARNED_INNER_RATES = ("shared", "per_layer")


@dataclasses.dataclass(frozen=True)
class _Parts:
    """A network, split before the first layer that adapts.

    Attributes:
        adapted: the identities of the variables that adapt.
        encode: runs what comes before; None if that is nothing.
        run_head: runs the rest.
    """

    adapted: list[int]
    encode: functional_network.FunctionalNetwork | None
    run_head: functional_network.FunctionalNetwork


@keras.saving.register_keras_serializable("tfmeta")
class MAML(learner.Learner):
    """Model-agnostic meta-learning (Finn et al. 2017).

    Adapts by `inner_steps` steps of gradient descent on the support set's loss,
    `phi <- phi - alpha grad L_support(phi)`, and trains the initialization
    through them (equation 1 of the paper).

    What else the literature names is a configuration:

    - ANIL (Raghu et al. 2020): `adapted="head"`.
    - MR-MAML(W) (Yin et al. 2020): a network whose encoder consists of
      variational layers, with `KLDivergence(weight=beta)`, and
      `adapted="head"`.
    - MR-MAML(A): a `StochasticBottleneck(divergence_weight=beta)` before the
      head, and `adapted="head"`.
    - Learned inner rates (Meta-SGD, MAML++): `learned_inner_rate`.

    Predictions for a query set are transductive where the network normalizes
    over the batch (`TaskBatchNormalization`): a prediction depends on the other
    queries.

    Args:
        network: a built Keras model.
        adapted: which weights move in the inner loop: names of layers or
            patterns of names (`"head"`, `"block*"`), one or several; a weight
            moves if any part of its path matches. All others are shared by
            every task and trained by the outer loop alone.
        inner_learning_rate: alpha, positive.
        inner_steps: gradient steps in training, at least 1.
        test_inner_steps: gradient steps in evaluation, prediction and the
            exported model; `inner_steps` if None.
        first_order: whether to drop second derivatives (FOMAML).
        learned_inner_rate: None for a fixed rate, `"shared"` for one that the
            outer loop trains, `"per_layer"` for one for each adapted layer.
        posterior_draw: see `Learner`.
        task_regularizer: see `Learner`.
        mapping: see `Learner`.
        seed: see `Learner`.
        name: see `Learner`.

    Raises:
        InputError: if an argument is out of range, or `adapted` matches none
            of the network's weights.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        adapted: str | Sequence[str] = "*",
        inner_learning_rate: float = 0.1,
        inner_steps: int = 1,
        test_inner_steps: int | None = None,
        first_order: bool = False,
        learned_inner_rate: str | None = None,
        posterior_draw: str = "task",
        task_regularizer: task_regularizer_lib.TaskRegularizer | None = None,
        mapping: str = "auto",
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(
            network,
            second_order=not first_order,
            posterior_draw=posterior_draw,
            task_regularizer=task_regularizer,
            mapping=mapping,
            seed=seed,
            name=name,
        )
        if not 0 < inner_learning_rate < math.inf:
            raise errors.InputError(
                f"inner_learning_rate={inner_learning_rate}: expected a "
                "positive number"
            )
        for argument, steps in (
            ("inner_steps", inner_steps),
            ("test_inner_steps", test_inner_steps),
        ):
            if steps is not None and steps < 1:
                raise errors.InputError(
                    f"{argument}={steps}: expected at least 1"
                )
        if learned_inner_rate not in (None, *LEARNED_INNER_RATES):
            raise errors.InputError(
                f"learned_inner_rate={learned_inner_rate!r} is unknown: "
                f"expected None, {', '.join(LEARNED_INNER_RATES)}"
            )
        self._adapted = [adapted] if isinstance(adapted, str) else list(adapted)
        self._inner_learning_rate = inner_learning_rate
        self._inner_steps = inner_steps
        self._test_inner_steps = test_inner_steps
        self._first_order = first_order
        self._learned_inner_rate = learned_inner_rate
        self._parts: _Parts | None = None
        self._split()
        self._rate_groups = self._group_by_rate()
        self._inner_rates = None
        if learned_inner_rate is not None:
            self._inner_rates = self.add_weight(
                name="inner_learning_rates",
                shape=(max(self._rate_groups.values()) + 1,),
                initializer=keras.initializers.Constant(inner_learning_rate),
                dtype=self.weight_dtype.name,
            )

    def adapted_weights(self) -> list[keras.Variable]:
        """Returns the network's variables that the inner loop moves."""
        return self._adapted_of(self.network.trainable_variables)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "adapted": self._adapted,
            "inner_learning_rate": self._inner_learning_rate,
            "inner_steps": self._inner_steps,
            "test_inner_steps": self._test_inner_steps,
            "first_order": self._first_order,
            "learned_inner_rate": self._learned_inner_rate,
        }

    @property
    def calls_per_task(self) -> int:
        """One for each inner step, and one for the queries."""
        return self._inner_steps + 1

    def _outer_pass(self, episodes, seed, common_seed):
        # Outside of the tasks, within which TensorFlow wraps what is raised.
        names = {self._rate_name(v) for v in self.adapted_weights()}
        unknown = sorted(names - set(self._rate_groups))
        if unknown and self._inner_rates is not None:
            raise errors.InputError(
                f"learned_inner_rate={self._learned_inner_rate!r}: there is no "
                f"rate for {', '.join(unknown)}, which was frozen when the "
                "learner was made: make it anew"
            )
        return super()._outer_pass(episodes, seed, common_seed)

    def initial_state(self, weights):
        """Returns the initialization."""
        return self.network_weights(weights)

    def adapted_state(self, weights, support_x, support_y, run):
        """Returns the network's weights after the inner loop."""
        initial = self.network_weights(weights)
        start = self._adapted_of(initial)
        rates = self._rates(weights)
        features, _ = self._features(initial, support_x, run, 0)

        def loss(adapted, call):
            predictions, _ = self._run_head(
                self._replace_adapted(initial, adapted), features, run, call
            )
            return self._inner_loss(support_y, predictions, adapted, start)

        adapted = inner_loop.descend(
            loss,
            start,
            # A support set is the same at each step; what is new are the draws.
            data=lambda step: step if run.training else 0,
            rates=rates,
            steps=self._inner_steps if run.training else self._num_test_steps,
            first_order=self._first_order,
            differentiable=run.training,
        )
        return self._replace_adapted(initial, adapted)

    def query_predictions(self, state, query_x, run):
        """Runs the network on adapted weights."""
        call = self._inner_steps
        features, encoder_losses = self._features(state, query_x, run, call)
        predictions, losses = self._run_head(state, features, run, call)
        return predictions, encoder_losses + losses

    def _inner_loss(
        self,
        support_y: tf.Tensor,
        predictions: tf.Tensor,
        adapted: list[tf.Tensor],
        start: list[tf.Tensor],
    ) -> tf.Tensor:
        """Returns what the inner loop descends on.

        Args:
            support_y: `[support, ...]`.
            predictions: `[support, ...]`.
            adapted: the adapted weights that made them.
            start: the adapted weights before the first step.
        """
        del adapted, start
        return self._loss(support_y, predictions)

    def _features(self, weights, inputs, run, call):
        """Runs the layers before the first adapted one, if there are any."""
        encode = self._split().encode
        if encode is None:
            return inputs, []
        return encode(weights, inputs, run, call)

    def _run_head(self, weights, features, run, call=0):
        """Runs the other layers."""
        return self._split().run_head(weights, features, run, call)

    def _split(self) -> "_Parts":
        """Splits the network by what adapts, if that has changed."""
        adapted = self.adapted_weights()
        key = [id(variable) for variable in adapted]
        if self._parts is None or self._parts.adapted != key:
            encoder, head = functional_network.split_at(self.network, adapted)
            # The layers before the first adapted one see a support set once,
            # not at every inner step.
            self._parts = _Parts(
                key,
                encoder
                and functional_network.FunctionalNetwork(self.network, encoder),
                functional_network.FunctionalNetwork(self.network, head),
            )
        return self._parts

    @property
    def _num_test_steps(self) -> int:
        return self._test_inner_steps or self._inner_steps

    @property
    def _adapted_indices(self) -> list[int]:
        """The positions of what adapts among what is trainable today."""
        return _match_weights(self.network, self._adapted)

    def _rates(self, weights) -> list:
        """Returns the inner learning rate of each adapted weight."""
        if self._inner_rates is None:
            return [self._inner_learning_rate] * len(self._adapted_indices)
        return [
            weights[0][self._rate_groups[self._rate_name(variable)]]
            for variable in self.adapted_weights()
        ]

    def _rate_name(self, variable: keras.Variable) -> str:
        """Names what has one rate: all weights, or those of a layer."""
        if self._learned_inner_rate != "per_layer":
            return "all"
        return variable.path.rpartition("/")[0]

    def _group_by_rate(self) -> dict[str, int]:
        """Numbers the rates by their names."""
        groups: dict[str, int] = {}
        for variable in self.adapted_weights():
            groups.setdefault(self._rate_name(variable), len(groups))
        return groups

    def _adapted_of(self, weights):
        return [weights[index] for index in self._adapted_indices]

    def _replace_adapted(self, weights, adapted):
        weights = list(weights)
        for index, weight in zip(self._adapted_indices, adapted, strict=True):
            weights[index] = weight
        return weights


def _match_weights(network: keras.Model, patterns: Sequence[str]) -> list[int]:
    """Returns the indices of the trainable weights that patterns match."""
    matched = set()
    variables = network.trainable_variables
    for pattern in patterns:
        indices = {
            index
            for index, variable in enumerate(variables)
            if any(
                fnmatch.fnmatchcase(part, pattern)
                for part in variable.path.split("/")
            )
        }
        if not indices:
            layers = sorted({v.path.rpartition("/")[0] for v in variables})
            raise errors.InputError(
                f"adapted={pattern!r} matches no trainable layer of the "
                f"network: these are {', '.join(layers) or 'none'}"
            )
        matched |= indices
    return sorted(matched)

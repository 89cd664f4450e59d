"""Meta-gradients against finite differences and a closed form, in float64."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.learners import finite_differences
from tfmeta import layers, learners, regularizers

_TASKS, _SUPPORT, _QUERIES, _FEATURES, _WAYS = 3, 6, 5, 4, 3


def setUpModule():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def _episodes(seed=0):
    rng = np.random.default_rng(seed)
    return (
        tf.constant(rng.normal(size=(_TASKS, _SUPPORT, _FEATURES))),
        tf.constant(rng.integers(_WAYS, size=(_TASKS, _SUPPORT))),
        tf.constant(rng.normal(size=(_TASKS, _QUERIES, _FEATURES))),
        tf.constant(rng.integers(_WAYS, size=(_TASKS, _QUERIES))),
    )


def _network(*, encoder=None, normalization=None):
    values = inputs = keras.Input((_FEATURES,))
    values = (encoder or keras.layers.Dense(5, name="encoder"))(values)
    if normalization is not None:
        values = normalization(values)
    values = keras.layers.Activation("tanh")(values)
    values = keras.layers.Dense(4, activation="softplus", name="hidden")(values)
    return keras.Model(inputs, keras.layers.Dense(_WAYS, name="head")(values))


def _variational_encoder():
    return layers.DenseReparameterization(
        5,
        kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=0.3),
        kernel_divergence_fn=layers.KLDivergence(weight=0.05),
        name="encoder",
    )


def _bottleneck():
    return layers.StochasticBottleneck(5, divergence_weight=0.1, name="encoder")


_CASES = {
    "everything_adapted": (_network, {}),
    "task_batch_normalization": (
        lambda: _network(normalization=layers.TaskBatchNormalization()),
        {},
    ),
    "task_layer_normalization": (
        lambda: _network(normalization=layers.TaskLayerNormalization()),
        {},
    ),
    "head_adapted": (_network, {"adapted": "head"}),
    "middle_adapted": (_network, {"adapted": ["hidden"]}),
    "variational_encoder": (
        lambda: _network(encoder=_variational_encoder()),
        {"adapted": ["hidden", "head"]},
    ),
    "variational_encoder_one_draw": (
        lambda: _network(encoder=_variational_encoder()),
        {"adapted": ["hidden", "head"], "posterior_draw": "meta_batch"},
    ),
    "variational_encoder_adapted": (
        lambda: _network(encoder=_variational_encoder()),
        {"posterior_draw": "call"},
    ),
    "stochastic_bottleneck": (
        lambda: _network(encoder=_bottleneck()),
        {"adapted": "head", "posterior_draw": "meta_batch"},
    ),
    "learned_rates": (_network, {"learned_inner_rate": "per_layer"}),
    "taml_entropy": (
        _network,
        {"task_regularizer": regularizers.TAMLEntropy(0.3)},
    ),
}


def _maml(network, **kwargs):
    learner = learners.MAML(network, inner_learning_rate=0.2, **kwargs)
    learner.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return learner


class FiniteDifferencesTest(parameterized.TestCase):
    @parameterized.named_parameters(
        (f"{name}_{steps}_step", name, steps)
        for name in _CASES
        for steps in (1, 3)
    )
    def test_meta_gradient(self, case, inner_steps):
        keras.utils.set_random_seed(1)
        build, kwargs = _CASES[case]
        learner = _maml(build(), inner_steps=inner_steps, **kwargs)
        finite_differences.check_task_gradients(learner, _episodes())

    def test_first_order_drops_the_second_derivatives(self):
        """It agrees with the query gradient at the adapted weights."""
        keras.utils.set_random_seed(1)
        learner = _maml(_network(), inner_steps=3, first_order=True)
        episodes = _episodes()
        gradients = learner.task_gradients(episodes).gradients
        for task in range(_TASKS):
            adapted = learner.adapt(episodes[0][task], episodes[1][task])
            with tf.GradientTape() as tape:
                tape.watch(adapted)
                loss = learner.loss_function(
                    episodes[3][task],
                    learner.predict_adapted(adapted, episodes[2][task]),
                )
            expected = tape.gradient(loss, adapted)
            for gradient, along in zip(gradients, expected, strict=True):
                np.testing.assert_allclose(gradient[task], along, rtol=1e-9)


class ClosedFormTest(parameterized.TestCase):
    """Linear regression, where the inner loop is a matrix power."""

    @parameterized.parameters(1, 2, 5)
    def test_linear_regression(self, inner_steps):
        keras.utils.set_random_seed(3)
        inputs = keras.Input((_FEATURES,))
        outputs = keras.layers.Dense(1, use_bias=False)(inputs)
        rate = 0.1
        learner = learners.MAML(
            keras.Model(inputs, outputs),
            inner_learning_rate=rate,
            inner_steps=inner_steps,
        )
        learner.compile("sgd", "mse")
        rng = np.random.default_rng(4)
        support_x = rng.normal(size=(_TASKS, _SUPPORT, _FEATURES))
        support_y = rng.normal(size=(_TASKS, _SUPPORT, 1))
        query_x = rng.normal(size=(_TASKS, _QUERIES, _FEATURES))
        query_y = rng.normal(size=(_TASKS, _QUERIES, 1))
        (gradient,) = learner.task_gradients(
            tuple(map(tf.constant, (support_x, support_y, query_x, query_y)))
        ).gradients
        start = learner.trainable_variables[0].numpy()
        for task in range(_TASKS):
            x, y = support_x[task], support_y[task]
            hessian = 2 / _SUPPORT * x.T @ x
            contraction = np.eye(_FEATURES) - rate * hessian
            adapted = start
            for _ in range(inner_steps):
                adapted = contraction @ adapted + rate * (
                    2 / _SUPPORT * x.T @ y
                )
            x, y = query_x[task], query_y[task]
            query_gradient = 2 / _QUERIES * x.T @ (x @ adapted - y)
            expected = (
                np.linalg.matrix_power(contraction.T, inner_steps)
                @ query_gradient
            )
            np.testing.assert_allclose(gradient[task], expected, rtol=1e-10)
            np.testing.assert_allclose(
                learner.adapt(support_x[task], support_y[task])[0],
                adapted,
                rtol=1e-10,
            )


if __name__ == "__main__":
    absltest.main()

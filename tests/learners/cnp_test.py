"""Conditional neural processes, their losses and draws."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, layers
from tfmeta.functional import functional_network
from tfmeta.learners import cnp
from tfmeta.networks import neural_processes

_TASKS, _SUPPORT, _QUERIES, _FEATURES = 3, 4, 5, 6


def _episodes(seed=0):
    rng = np.random.default_rng(seed)
    return tuple(
        tf.constant(rng.normal(size=(_TASKS, *shape)), tf.float32)
        for shape in (
            (_SUPPORT, _FEATURES),
            (_SUPPORT, 1),
            (_QUERIES, _FEATURES),
            (_QUERIES, 1),
        )
    )


def _encoder(*encoder_layers):
    return keras.Sequential([keras.Input((_FEATURES,)), *encoder_layers])


def _compiled(networks, **kwargs):
    learner = cnp.CNP(*networks, **kwargs)
    learner.compile("sgd", "mse", jit_compile=False)
    return learner


def _cnp(encoder=None, dense=keras.layers.Dense, **kwargs):
    keras.utils.set_random_seed(0)
    return _compiled(
        neural_processes.neural_process(
            encoder or _encoder(keras.layers.Dense(7, activation="tanh")),
            representation_size=4,
            latent_size=3,
            hidden=[8, 8],
            dense=dense,
        ),
        **kwargs,
    )


def _dense(x, layer, activation=lambda values: values):
    kernel, bias = layer.get_weights()
    return activation(x @ kernel + bias)


class PredictionTest(parameterized.TestCase):
    def test_targets_may_lack_a_last_axis_of_one(self):
        learner = _cnp()
        x, y, query_x, query_y = _episodes()
        flat = (x, y[..., 0], query_x, query_y[..., 0])
        np.testing.assert_array_equal(
            learner.task_gradients(flat).losses,
            learner.task_gradients((x, y, query_x, query_y)).losses,
        )

    def test_the_equations(self):
        learner = _cnp()
        support_x, support_y, query_x, _ = (v[0].numpy() for v in _episodes())
        encoder, context, decoder = learner.network.parts.values()

        def perceptron(network, name, values):
            for number in (1, 2):
                values = _dense(
                    values,
                    network.get_layer(f"{name}_hidden{number}"),
                    lambda v: np.maximum(v, 0),
                )
            return _dense(values, network.get_layer(f"{name}_head"))

        def encode(x):
            return _dense(x, encoder.layers[0], np.tanh)

        r = perceptron(
            context, "context", np.hstack([encode(support_x), support_y])
        ).mean(0)
        for state, value in (
            (learner.adapt(support_x, support_y), r),
            (learner.initial_state(learner._weight_values()), np.zeros(4)),
        ):
            z = _dense(value[np.newaxis], decoder.get_layer("decoder_latent"))
            expected = perceptron(
                decoder,
                "decoder",
                np.hstack([encode(query_x), np.repeat(z, _QUERIES, 0)]),
            )
            np.testing.assert_allclose(
                learner.predict_adapted(state, query_x),
                expected,
                rtol=1e-4,
                atol=1e-6,
            )

    def test_the_support_is_a_set(self):
        learner = _cnp()
        support_x, support_y, query_x, _ = (v[0] for v in _episodes())

        def predict(order):
            adapted = learner.adapt(
                tf.gather(support_x, order), tf.gather(support_y, order)
            )
            return learner.predict_adapted(adapted, query_x).numpy()

        expected = predict([0, 1, 2, 3])
        for name, order in (
            ("order", [3, 1, 0, 2]),
            ("repetition", [0, 1, 2, 3, 3, 2, 1, 0]),
        ):
            with self.subTest(name):
                np.testing.assert_allclose(
                    predict(order), expected, rtol=1e-5, atol=1e-6
                )
        self.assertFalse(np.allclose(predict([0, 1, 2]), expected, atol=1e-4))


class ClassesTest(absltest.TestCase):
    def test_a_class_is_the_mean_of_its_examples(self):
        keras.utils.set_random_seed(0)
        networks = neural_processes.class_neural_process(
            _encoder(keras.layers.Identity()), 3, class_size=4, hidden=[8]
        )
        learner = cnp.CNP(*networks)
        learner.compile(loss="sparse_categorical_crossentropy")
        rng = np.random.default_rng(0)
        support_x = rng.normal(size=(6, _FEATURES)).astype("float32")
        query_x = rng.normal(size=(5, _FEATURES)).astype("float32")
        labels = np.array([2, 0, 1, 1, 2, 0])

        def layer(network, name):
            return networks._asdict()[network].get_layer(name)

        hidden = _dense(
            support_x,
            layer("context", "context_hidden1"),
            lambda v: np.maximum(v, 0),
        )
        described = _dense(hidden, layer("context", "context_head"))
        r = [described[labels == c].mean(axis=0) for c in range(3)]
        expected = _dense(
            _dense(
                np.hstack([query_x, np.tile(np.concatenate(r), (5, 1))]),
                layer("decoder", "decoder_hidden1"),
                lambda v: np.maximum(v, 0),
            ),
            layer("decoder", "decoder_head"),
        )
        np.testing.assert_allclose(
            learner.predict_adapted(learner.adapt(support_x, labels), query_x),
            expected,
            rtol=1e-4,
            atol=1e-6,
        )


class RegularizationTest(parameterized.TestCase):
    def test_each_layer_s_losses_count_once(self):
        def dense(*args, **kwargs):
            return keras.layers.Dense(*args, kernel_regularizer="l2", **kwargs)

        learner = _cnp(_encoder(dense(7)), dense)
        kernels = [
            variable.numpy()
            for variable in learner.trainable_variables
            if variable.name == "kernel"
        ]
        self.assertLen(kernels, 1 + 3 + 4)
        np.testing.assert_allclose(
            learner.task_gradients(_episodes()).outputs.regularization,
            [0.01 * sum(np.sum(k**2) for k in kernels)] * _TASKS,
            rtol=1e-5,
        )

    def test_the_bottleneck_s_price_is_that_of_the_queries(self):
        bottleneck = layers.StochasticBottleneck(5, divergence_weight=0.5)
        learner = _cnp(_encoder(bottleneck))
        episodes = _episodes()
        for task, expected in enumerate(
            learner.task_gradients(episodes).outputs.regularization
        ):
            bottleneck(episodes[2][task])
            np.testing.assert_allclose(
                expected, bottleneck.losses[0], rtol=1e-5
            )

    @parameterized.named_parameters(
        ("encoder", keras.layers.Dense), ("everything", None)
    )
    def test_divergences_of_weights_belong_to_no_task(self, dense):
        beta, sigma = 0.5, 0.3

        def variational(*args, **kwargs):
            return layers.DenseReparameterization(
                *args,
                kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=sigma),
                kernel_divergence_fn=layers.KLDivergence(weight=beta),
                **kwargs,
            )

        learner = _cnp(_encoder(variational(7)), dense or variational)
        means = np.concatenate(
            [
                np.ravel(variable)
                for variable in learner.trainable_variables
                if variable.name == "kernel_posterior_loc"
            ]
        )
        np.testing.assert_allclose(
            learner.common_gradients().loss,
            beta * np.sum((means**2 + sigma**2 - 1) / 2 - np.log(sigma)),
            rtol=1e-4,
        )
        np.testing.assert_array_equal(
            learner.task_gradients(_episodes()).outputs.regularization,
            [0.0] * _TASKS,
        )


class PosteriorDrawTest(parameterized.TestCase):
    @parameterized.parameters(*functional_network.POSTERIOR_DRAWS)
    def test_what_shares_a_draw(self, posterior_draw):
        """A decoder of g(query) - mean g(support): 0 for one draw of g."""
        keras.utils.set_random_seed(0)
        encoder = _encoder(
            layers.DenseReparameterization(
                4,
                kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=1.0),
            )
        )
        h, y = keras.Input((4,)), keras.Input((4,))
        context = keras.Model(
            [h, y], keras.layers.Add()([h, keras.layers.Rescaling(0.0)(y)])
        )
        h, r = keras.Input((4,)), keras.Input((4,))
        decoder = keras.Model([h, r], keras.layers.Subtract()([h, r]))
        learner = _compiled(
            (encoder, context, decoder),
            posterior_draw=posterior_draw,
            mapping="map",
        )
        # All tasks alike, each with one and the same x as support and query.
        x = tf.ones((_TASKS, 1, _FEATURES))
        y = tf.zeros((_TASKS, 1, 4))
        step = learner.task_gradients((x, y, x, y))
        difference = np.max(np.abs(step.outputs.predictions))
        if posterior_draw == "call":
            self.assertGreater(difference, 0.1)
        else:
            self.assertLess(difference, 1e-5)
        with self.subTest("a second step draws anew"):
            x = tf.random.stateless_normal((_TASKS, 2, _FEATURES), (0, 0))
            first, second = (
                learner.task_gradients(
                    (x[:, :1], y, x[:, 1:], y)
                ).outputs.predictions.numpy()
                for _ in range(2)
            )
            self.assertFalse(np.allclose(first, second, atol=1e-2))


class BadInputTest(parameterized.TestCase):
    @parameterized.named_parameters(
        (
            "context_of_other_features",
            {"context": (3, 1)},
            r"context='context': expected one output, and inputs of shapes "
            r"\(7,\), \(1,\); got 1 and \(3,\), \(1,\)",
        ),
        ("context_of_other_labels", {"context": (7, 2)}, "context='context'"),
        ("decoder_of_other_features", {"decoder": (3, 4)}, "decoder='decoder'"),
        ("decoder_of_another_r", {"decoder": (7, 5)}, "decoder='decoder'"),
    )
    def test_networks_that_do_not_fit(self, sizes, message):
        sizes = {"context": (7, 1), "decoder": (7, 4)} | sizes

        def build(name, outputs):
            inputs = [keras.Input((size,)) for size in sizes[name]]
            values = keras.layers.Concatenate()(inputs)
            return keras.Model(
                inputs, keras.layers.Dense(outputs)(values), name=name
            )

        with self.assertRaisesRegex(errors.InputError, message):
            cnp.CNP(
                _encoder(keras.layers.Dense(7)),
                build("context", 4),
                build("decoder", 1),
            )

    def test_no_model(self):
        with self.assertRaisesRegex(
            errors.InputError, "encoder: expected a built .* got Dense"
        ):
            cnp.CNP(keras.layers.Dense(3), None, None)


if __name__ == "__main__":
    absltest.main()

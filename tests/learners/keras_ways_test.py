"""What Keras lets a user do with its own models and layers, done with ours."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, layers, learners, multitask, networks

_WAYS = 3
_RNG = np.random.default_rng(0)
_X = _RNG.normal(size=(4, 3, 5)).astype(np.float32)
_Y = _RNG.integers(0, _WAYS, (4, 3)).astype(np.int32)
_EPISODES = (_X, _Y, _X + 1, _Y)
_INPUTS = _EPISODES[:3]


def _encoder():
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])


# Their steps are eager, which is fast for what is run once.
_LEARNERS = {
    "MAML": lambda: learners.MAML(
        networks.mlp(5, _WAYS, hidden=[4]), mapping="map"
    ),
    "LLAMA": lambda: learners.LLAMA(
        networks.mlp(5, _WAYS, hidden=[4]), adapted="head", mapping="map"
    ),
    "CNP": lambda: learners.CNP(
        *networks.neural_process(_encoder(), output_size=_WAYS, hidden=[4]),
        mapping="map",
    ),
    "VERSA": lambda: learners.VERSA(
        _encoder(),
        networks.amortized_head(4, hidden=[4]),
        ways=_WAYS,
        mapping="map",
    ),
    "RecurrentLearner": lambda: learners.RecurrentLearner(
        *networks.recurrent_networks(
            _encoder(), keras.layers.LSTMCell(3), _WAYS
        ),
        mapping="map",
    ),
}


def _dataset(parts):
    return tf.data.Dataset.from_tensor_slices(parts).batch(2)


def _generator(parts):
    for _ in range(2):
        yield tuple(part[:2] for part in parts)


_TRAINING = {
    "data_set": lambda do: do(_dataset(_EPISODES)),
    "generator": lambda do: do(_generator(_EPISODES)),
    "arrays": lambda do: do(_EPISODES, batch_size=2),
    "x_and_y": lambda do: do(_INPUTS, _EPISODES[3], batch_size=2),
}
# All but the generator's, which has the first tasks twice.
_PREDICTION = {
    "data_set": lambda do: do(_dataset(_EPISODES)),
    "data_set_of_inputs": lambda do: do(_dataset(_INPUTS)),
    "arrays": lambda do: do(_EPISODES, batch_size=2),
    "inputs": lambda do: do(_INPUTS, batch_size=2),
    "list_of_inputs": lambda do: do(list(_INPUTS), batch_size=2),
}


class LearnerTest(parameterized.TestCase):
    @parameterized.parameters(*_LEARNERS)
    def test_every_way_in(self, name):
        learner = _LEARNERS[name]()
        training, prediction = _TRAINING, _PREDICTION
        if name != "MAML":
            # The ways are the same for all; one of them shows that it can.
            training = {"x_and_y": _TRAINING["x_and_y"]}
            prediction = {"inputs": _PREDICTION["inputs"]}
        learner.compile(
            keras.optimizers.SGD(0.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            run_eagerly=True,
            jit_compile=False,
        )
        expected = learner(_INPUTS)
        for way, call in prediction.items():
            predicted = call(functools.partial(learner.predict, verbose=0))
            np.testing.assert_allclose(
                predicted, expected, rtol=1e-4, atol=1e-5, err_msg=way
            )
        np.testing.assert_allclose(
            learner.predict_on_batch(_INPUTS), expected, rtol=1e-4, atol=1e-5
        )
        if name == "MAML":
            predicted = learner.predict(_generator(_INPUTS), verbose=0)
            self.assertEqual(predicted.shape, expected.shape)
        for way, call in training.items():
            history = call(
                functools.partial(learner.fit, verbose=0, shuffle=False)
            )
            self.assertTrue(np.isfinite(history.history["loss"]).all(), way)
        expected = learner.evaluate(_dataset(_EPISODES), verbose=0)
        for way, call in training.items():
            if way != "generator":
                np.testing.assert_allclose(
                    call(functools.partial(learner.evaluate, verbose=0)),
                    expected,
                    rtol=1e-4,
                    err_msg=way,
                )
        self.assertTrue(np.isfinite(learner.train_on_batch(_EPISODES)).all())
        self.assertTrue(
            np.isfinite(learner.test_on_batch(_INPUTS, _EPISODES[3])).all()
        )
        learner.summary(print_fn=lambda *_, **__: None)
        for copy in (
            type(learner).from_config(learner.get_config()),
            keras.models.clone_model(learner),
        ):
            self.assertEqual(copy.get_config(), learner.get_config())

    def test_what_are_no_episodes(self):
        learner = _LEARNERS["MAML"]()
        learner.compile("sgd", "mse", run_eagerly=True, jit_compile=False)
        with self.assertRaisesRegex(errors.InputError, "tuple of 2"):
            learner.predict(_INPUTS[:2], verbose=0)
        with self.assertRaisesRegex(errors.InputError, "expected meta-batches"):
            learner.fit(_X, verbose=0)


def _routed_networks(decides_for):
    router = layers.Router(
        ("a", "b"), 1, 2, decides_for=decides_for, seed=0, name="router"
    )
    return networks.routing_networks(
        networks.mlp(5, 4, hidden=[]), router, [_WAYS]
    )


def _routed_network(decides_for):
    return _routed_networks(decides_for)["a"]


def _shared_trunk():
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4)(inputs)
    return inputs, {
        task: keras.layers.Dense(_WAYS, name=f"{task}_head")(hidden)
        for task in ("a", "b")
    }


def _routed_graph(decides_for):
    joint = networks.join_tasks(_routed_networks(decides_for))
    return joint.input, joint.output


_GRAPHS: dict[str, Any] = {
    "shared_input": (_shared_trunk, _X[:, 0]),
    **{
        f"own_inputs_routed_by_{decides_for}": (
            functools.partial(_routed_graph, decides_for),
            {"a": _X[:, 0], "b": _X[:, 1]},
        )
        for decides_for in ("task", "example")
    },
}
_TARGETS = {"a": _Y[:, 0], "b": _Y[:, 1]}


class MultiTaskModelTest(parameterized.TestCase):
    @parameterized.parameters(*_GRAPHS)
    def test_every_way_in(self, name):
        make, x = _GRAPHS[name]
        model = multitask.MultiTaskModel(*make())
        model.compile(
            keras.optimizers.SGD(0.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics={task: ["accuracy"] for task in _TARGETS},
            run_eagerly=True,
            jit_compile=False,
        )
        expected = model(x)
        for way, predicted in {
            "arrays": model.predict(x, batch_size=2, verbose=0),
            "data_set": model.predict(_dataset((x,)), verbose=0),
            "data_set_with_targets": model.predict(
                _dataset((x, _TARGETS)), verbose=0
            ),
            "batch": model.predict_on_batch(x),
        }.items():
            self.assertEqual(set(predicted), set(_TARGETS), way)
            for task in _TARGETS:
                np.testing.assert_allclose(
                    predicted[task], expected[task], rtol=1e-4, err_msg=way
                )

        def halves():
            for start in (0, 2):
                yield tf.nest.map_structure(
                    lambda part, start=start: part[start : start + 2],
                    (x, _TARGETS),
                )

        ways = {
            "arrays": lambda do: do(x, _TARGETS, batch_size=2),
            "data_set": lambda do: do(_dataset((x, _TARGETS))),
            "generator": lambda do: do(halves()),
        }
        scores = {
            way: call(functools.partial(model.evaluate, verbose=0))
            for way, call in ways.items()
        }
        for way, score in scores.items():
            np.testing.assert_allclose(
                score, scores["arrays"], rtol=1e-4, err_msg=way
            )
        for way, call in ways.items():
            history = call(
                functools.partial(model.fit, verbose=0, shuffle=False)
            )
            self.assertTrue(np.isfinite(history.history["loss"]).all(), way)
        self.assertTrue(np.isfinite(model.train_on_batch(x, _TARGETS)).all())
        self.assertTrue(np.isfinite(model.test_on_batch(x, _TARGETS)).all())
        model.summary(print_fn=lambda *_, **__: None)
        for copy in (
            multitask.MultiTaskModel.from_config(model.get_config()),
            keras.models.clone_model(model),
        ):
            self.assertIsInstance(copy, multitask.MultiTaskModel)
            copy.set_weights(model.get_weights())
            tf.nest.map_structure(
                np.testing.assert_array_equal, copy(x), model(x)
            )


_IMAGES = (5, 4, 2)
_LAYERS: dict[str, tuple[Any, Any]] = {
    "DenseReparameterization": (
        lambda: layers.DenseReparameterization(3),
        [(5,)],
    ),
    "DenseLocalReparameterization": (
        lambda: layers.DenseLocalReparameterization(3),
        [(5,)],
    ),
    "DenseFlipout": (lambda: layers.DenseFlipout(3), [(5,)]),
    "Conv2DReparameterization": (
        lambda: layers.Conv2DReparameterization(3, 2, strides=2),
        [_IMAGES],
    ),
    "Conv2DFlipout": (
        lambda: layers.Conv2DFlipout(3, 2, dilation_rate=2),
        [_IMAGES],
    ),
    "Conv2DFlipout_same": (
        lambda: layers.Conv2DFlipout(3, 2, 2, padding="same"),
        [_IMAGES],
    ),
    "StochasticBottleneck": (lambda: layers.StochasticBottleneck(3), [(5,)]),
    "TaskBatchNormalization": (layers.TaskBatchNormalization, [_IMAGES]),
    "TaskLayerNormalization": (layers.TaskLayerNormalization, [(5,)]),
    "FiLM": (layers.FiLM, [(4,), (3,)]),
    "CrossStitch": (layers.CrossStitch, [(4,), (4,)]),
    "SluiceUnit": (layers.SluiceUnit, [(4,), (4,)]),
    "LayerMixture": (layers.LayerMixture, [(4,), (4,)]),
    "TaskAttention": (layers.TaskAttention, [_IMAGES, _IMAGES]),
    "TaskDense": (lambda: layers.TaskDense(3, 2), [(2, 4)]),
    "RelatedDense": (lambda: layers.RelatedDense(["a", "b"], 3), [(4,)]),
    # They come together, and a model is a layer.
    **{
        f"Router_and_RoutedDense_{decides_for}": (
            functools.partial(_routed_network, decides_for),
            [(5,)],
        )
        for decides_for in ("task", "example")
    },
    "Bidirectional": (
        lambda: keras.layers.Bidirectional(
            keras.layers.RNN(
                layers.MemoryAugmentedCell(3, slots=4, width=2, heads=2)
            )
        ),
        [(3, 5)],
    ),
}


class LayerTest(parameterized.TestCase):
    @parameterized.parameters(*_LAYERS)
    def test_in_a_model(self, name):
        make, shapes = _LAYERS[name]
        inputs = [keras.Input(shape) for shape in shapes]
        x: Any = [_RNG.normal(size=(4, *s)).astype(np.float32) for s in shapes]
        if len(shapes) == 1:
            (inputs,), (x,) = inputs, x
        model = keras.Model(inputs, make()(inputs))
        expected = model(x)
        # What Keras takes for their shapes are the outputs' shapes.
        tf.nest.map_structure(
            lambda output, symbol: self.assertEqual(
                output.shape[1:], symbol.shape[1:]
            ),
            expected,
            model.output,
        )
        model.summary(print_fn=lambda *_, **__: None)
        for copy in (
            keras.Model.from_config(model.get_config()),
            keras.models.clone_model(model),
        ):
            copy.set_weights(model.get_weights())
            tf.nest.map_structure(
                np.testing.assert_array_equal, copy(x), expected
            )

    @parameterized.parameters(
        name for name, (_, shapes) in _LAYERS.items() if len(shapes) == 1
    )
    def test_over_time(self, name):
        make, (shape,) = _LAYERS[name]
        if name in ("RelatedDense", "Bidirectional"):
            return  # A dict of outputs, which Keras' wrapper does not take.
        layer = make()
        inputs = keras.Input((3, *shape))
        model = keras.Model(inputs, keras.layers.TimeDistributed(layer)(inputs))
        x = _RNG.normal(size=(4, 3, *shape)).astype(np.float32)
        expected = np.stack([layer(x[:, step]) for step in range(3)], axis=1)
        np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
        model.compile("sgd", "mse", jit_compile=False)
        losses = model.fit(x, expected, verbose=0).history["loss"]
        self.assertTrue(np.isfinite(losses).all())


if __name__ == "__main__":
    absltest.main()

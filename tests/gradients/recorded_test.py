"""Which variables tasks share, and their gradients."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.gradients import recorded


def _dense(name, units=2):
    return keras.layers.Dense(units, name=name)


def _two_heads():
    inputs = keras.Input((3,))
    hidden = _dense("trunk")(inputs)
    return inputs, [_dense("a")(hidden), _dense("b")(hidden)]


def _head_on_a_head():
    inputs = keras.Input((3,))
    first = _dense("a")(_dense("trunk")(inputs))
    return inputs, [first, _dense("b")(first)]


def _nested_models():
    inner_inputs = keras.Input((3,))
    hidden = _dense("trunk")(inner_inputs)
    inner = keras.Model(
        inner_inputs, [_dense("a")(hidden), _dense("b")(hidden)]
    )
    inputs = keras.Input((3,))
    return inputs, inner(inputs)


def _shared_layer_on_own_inputs():
    inputs = {name: keras.Input((3,), name=name) for name in "xy"}
    trunk = _dense("trunk")
    outputs = [
        _dense(head)(trunk(inputs[name]))
        for head, name in (("a", "x"), ("b", "y"))
    ]
    return inputs, outputs


def _stopped():
    inputs = keras.Input((3,))
    hidden = _dense("trunk")(inputs)
    stopped = keras.layers.Lambda(tf.stop_gradient)(hidden)
    return inputs, [_dense("a")(hidden), _dense("b")(stopped)]


def _nothing_shared():
    inputs = keras.Input((3,))
    return inputs, [_dense("a")(inputs), _dense("b")(inputs)]


def _one_task():
    inputs = keras.Input((3,))
    return inputs, [_dense("a")(inputs)]


def _three_of_which_two_share():
    inputs = keras.Input((3,))
    hidden = _dense("trunk")(inputs)
    outputs = [_dense("a")(hidden), _dense("b")(inputs), _dense("c")(hidden)]
    return inputs, outputs


def _split(model, seeds=None, names=None):
    rng = np.random.default_rng(0)
    x = tf.nest.map_structure(
        lambda i: rng.normal(size=(4, *i.shape[1:])).astype(np.float32),
        model.input,
    )
    with tf.GradientTape(persistent=True) as tape:
        outputs = tf.nest.flatten(model(x))
        losses = [tf.reduce_mean(output**2) for output in outputs]
    return (
        recorded.differentiate_tasks(
            tape,
            losses,
            seeds or [tf.ones(()) for _ in losses],
            model.trainable_variables,
            names or [f"task{i}" for i, _ in enumerate(losses)],
        ),
        tape,
        losses,
    )


def _layers(pairs):
    return sorted({v.path.split("/")[-2] for _, v in pairs})


class RecordedTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("two_heads", _two_heads, ["trunk"], ["a", "b"]),
        ("head_on_a_head", _head_on_a_head, ["a", "trunk"], ["b"]),
        ("nested_models", _nested_models, ["trunk"], ["a", "b"]),
        ("own_inputs", _shared_layer_on_own_inputs, ["trunk"], ["a", "b"]),
        ("stopped", _stopped, [], ["a", "b", "trunk"]),
        ("nothing_shared", _nothing_shared, [], ["a", "b"]),
        ("one_task", _one_task, ["a"], []),
        ("three", _three_of_which_two_share, ["trunk"], ["a", "b", "c"]),
    )
    def test_variables_are_told_apart(self, build, shared, own):
        model = keras.Model(*build())
        split, tape, losses = _split(model)
        self.assertEqual(_layers(split.shared), shared)
        self.assertEqual(_layers(split.own), own)
        # All together they are the gradient of the sum.
        for gradient, variable in (
            *((tf.reduce_sum(g, 0), variable) for g, variable in split.shared),
            *split.own,
        ):
            np.testing.assert_allclose(
                gradient,
                tape.gradient(losses, variable),
                rtol=1e-5,
                atol=1e-6,
            )

    def test_a_task_that_does_not_use_a_shared_variable_has_zeros(self):
        split, _, _ = _split(keras.Model(*_three_of_which_two_share()))
        for gradients, _ in split.shared:
            self.assertGreater(np.abs(gradients[0]).max(), 0)
            np.testing.assert_array_equal(gradients[1], 0)

    def test_factors_multiply(self):
        model = keras.Model(*_two_heads())
        once, _, _ = _split(model)
        twice, _, _ = _split(model, [tf.constant(2.0), tf.constant(-3.0)])
        for (plain, _), (seeded, _) in zip(
            once.shared, twice.shared, strict=True
        ):
            np.testing.assert_allclose(2 * plain[0], seeded[0], rtol=1e-5)
            np.testing.assert_allclose(-3 * plain[1], seeded[1], rtol=1e-5)

    def test_embeddings_become_dense(self):
        inputs = keras.Input((), dtype="int32")
        hidden = keras.layers.Embedding(5, 2)(inputs)
        model = keras.Model(inputs, [_dense("a")(hidden), _dense("b")(hidden)])
        with tf.GradientTape(persistent=True) as tape:
            losses = [tf.reduce_sum(o) for o in model(np.array([1, 3, 3]))]
        split = recorded.differentiate_tasks(
            tape, losses, [tf.ones(())] * 2, model.trainable_variables, "ab"
        )
        ((gradients, _),) = split.shared
        for gradient, head in zip(gradients, model.layers[-2:], strict=True):
            row = np.sum(head.kernel, 1)
            np.testing.assert_allclose(
                gradient,
                np.outer([0, 1, 0, 2, 0], row),
                rtol=1e-6,
            )

    @parameterized.parameters(
        (1, [["a", "b", "c", "d"]]),
        (2, [["a", "b"], ["c", "d"]]),
        (4, [["a"], ["b"], ["c"], ["d"]]),
        (100, [["a"], ["b"], ["c"], ["d"]]),
    )
    def test_variables_are_split_into_runs_of_like_size(self, parts, expected):
        variables = [
            keras.Variable(np.zeros(shape), name=name)
            for name, shape in (
                ("a", (4, 2)),
                ("b", (9,)),
                ("c", (2, 2, 2)),
                ("d", (7,)),
            )
        ]
        runs = recorded.split_evenly(variables, parts)
        self.assertEqual([[v.name for v in run] for run in runs], expected)

    def test_a_task_without_a_gradient_is_named(self):
        inputs = keras.Input((3,))
        model = keras.Model(
            inputs, [_dense("a")(inputs), keras.layers.ReLU()(inputs)]
        )
        with self.assertRaisesRegex(errors.InputError, "'depth' depends on no"):
            _split(model, names=["normals", "depth"])


if __name__ == "__main__":
    absltest.main()

"""What holds for all learners that adapt by a pass, in float64."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.learners import finite_differences
from tfmeta import errors, layers, learners, networks
from tfmeta.gradients import task_mapping
from tfmeta.training import checkpoints

_TASKS, _SUPPORT, _QUERIES, _FEATURES, _WAYS = 3, 4, 5, 6, 3


def setUpModule():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def _classification(seed=0):
    rng = np.random.default_rng(seed)
    return (
        tf.constant(rng.normal(size=(_TASKS, _SUPPORT, _FEATURES))),
        tf.constant(rng.integers(_WAYS, size=(_TASKS, _SUPPORT))),
        tf.constant(rng.normal(size=(_TASKS, _QUERIES, _FEATURES))),
        tf.constant(rng.integers(_WAYS, size=(_TASKS, _QUERIES))),
    )


def _regression(seed=0):
    rng = np.random.default_rng(seed)
    return (
        tf.constant(rng.normal(size=(_TASKS, _SUPPORT, _FEATURES))),
        tf.constant(rng.normal(size=(_TASKS, _SUPPORT, 2))),
        tf.constant(rng.normal(size=(_TASKS, _QUERIES, _FEATURES))),
        tf.constant(rng.normal(size=(_TASKS, _QUERIES, 2))),
    )


def _cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _encoder(*more):
    return keras.Sequential(
        [
            keras.Input((_FEATURES,)),
            keras.layers.Dense(5, activation="tanh"),
            *more,
        ],
        name="encoder",
    )


_variational = functools.partial(
    layers.DenseReparameterization,
    kernel_posterior_fn=layers.MeanFieldNormal(initial_scale=0.3),
    kernel_divergence_fn=layers.KLDivergence(weight=0.05),
)


def _cnp(encoder, outputs, **kwargs):
    return learners.CNP(
        *networks.neural_process(
            encoder,
            outputs,
            representation_size=4,
            latent_size=3,
            label_size=2,
            hidden=[6],
        ),
        **kwargs,
    )


def _recurrent(cell, outputs, **kwargs):
    return learners.RecurrentLearner(
        *networks.recurrent_networks(_encoder(), cell, outputs), **kwargs
    )


class _Case(NamedTuple):
    """A learner.

    Attributes:
        build: of further arguments.
        episodes: what it learns from.
        loss: its loss.
    """

    build: Callable[..., learners.Learner]
    episodes: Callable = _classification
    loss: Callable = _cross_entropy


_CASES = {
    "cnp": _Case(lambda **kwargs: _cnp(_encoder(), _WAYS, **kwargs)),
    "cnp_regression": _Case(
        lambda **kwargs: _cnp(_encoder(), 2, **kwargs),
        _regression,
        keras.losses.MeanSquaredError,
    ),
    "mr_cnp_w": _Case(
        lambda **kwargs: _cnp(_encoder(_variational(3)), _WAYS, **kwargs)
    ),
    "mr_cnp_a": _Case(
        lambda **kwargs: _cnp(
            _encoder(layers.StochasticBottleneck(3, 0.1, seed=1)),
            _WAYS,
            **kwargs,
        )
    ),
    "versa": _Case(
        lambda **kwargs: learners.VERSA(
            _encoder(),
            networks.amortized_head(5, hidden=[6], initial_scale=0.5),
            ways=_WAYS,
            draws=3,
            test_draws=4,
            **kwargs,
        )
    ),
    "recurrent": _Case(
        lambda **kwargs: _recurrent(keras.layers.LSTMCell(4), _WAYS, **kwargs)
    ),
    "recurrent_regression": _Case(
        lambda **kwargs: _recurrent(
            keras.layers.StackedRNNCells(
                [
                    keras.layers.GRUCell(4, dropout=0.2, seed=1),
                    keras.layers.LSTMCell(3),
                ]
            ),
            2,
            **kwargs,
        ),
        _regression,
        keras.losses.MeanSquaredError,
    ),
    "mann": _Case(
        lambda **kwargs: _recurrent(
            layers.MemoryAugmentedCell(4, slots=5, width=3, heads=2),
            _WAYS,
            **kwargs,
        )
    ),
    "cnp_bayes_by_backprop": _Case(
        lambda **kwargs: learners.CNP(
            *networks.neural_process(
                _encoder(_variational(3)),
                _WAYS,
                hidden=[6],
                dense=_variational,
            ),
            **kwargs,
        )
    ),
}


def _compiled(case, **kwargs):
    keras.utils.set_random_seed(1)
    learner = _CASES[case].build(**kwargs)
    learner.compile(
        keras.optimizers.Adam(1e-2), _CASES[case].loss(), jit_compile=False
    )
    return learner


def _dataset(case, batches=3):
    episodes = [_CASES[case].episodes(seed) for seed in range(batches)]
    return tf.data.Dataset.from_tensor_slices(
        tuple(tf.stack(values) for values in zip(*episodes, strict=True))
    )


def _fit(learner, case, batches=3):
    return learner.fit(_dataset(case, batches), verbose=0, shuffle=False)


# One of each kind of what draws; their gradients are those of the others, too.
_DRAWING = (
    "versa",
    "mr_cnp_a",
    "recurrent_regression",
    "cnp_bayes_by_backprop",
)


def _named(cases):
    return [(name, name) for name in cases]


class GradientTest(parameterized.TestCase):
    @parameterized.named_parameters(_named(_CASES))
    def test_finite_differences(self, case):
        learner = _compiled(case)
        episodes = _CASES[case].episodes()
        finite_differences.check_task_gradients(
            learner, episodes, step=1e-6, rtol=1e-5
        )
        gradients = learner.task_gradients(episodes).gradients
        for variable, gradient in zip(
            learner.trainable_variables, gradients, strict=True
        ):
            self.assertTrue(np.any(gradient), variable.path)

    @parameterized.named_parameters(_named(_CASES))
    def test_mappings_agree(self, case):
        results = {}
        mappings = ("map", "vectorize", *["unroll"] * (case in _DRAWING))
        for mapping in mappings:
            learner = _compiled(case, mapping=mapping, seed=3)
            results[mapping] = tf.function(learner.task_gradients)(
                _CASES[case].episodes()
            )
        for mapping in mappings[1:]:
            tf.nest.map_structure(
                lambda a, b: np.testing.assert_allclose(
                    a, b, rtol=1e-8, atol=1e-12
                ),
                results["map"],
                results[mapping],
            )


class KerasModelTest(parameterized.TestCase):
    @parameterized.named_parameters(_named(_CASES))
    def test_saved_and_exported_it_predicts_the_same(self, case):
        learner = _compiled(case)
        learner.optimizer.build(learner.trainable_variables)
        for variable in learner.trainable_variables:
            variable.assign(variable + 0.1)
        inputs = _CASES[case].episodes(5)[:3]
        expected = learner(inputs)
        folder = self.create_tempdir().full_path
        learner.save(f"{folder}/learner.keras")
        loaded = keras.saving.load_model(f"{folder}/learner.keras")
        self.assertIs(type(loaded), type(learner))
        np.testing.assert_allclose(loaded(inputs), expected, rtol=1e-9)
        learner.export(f"{folder}/exported")
        exported = tf.saved_model.load(f"{folder}/exported")
        support_x, support_y, query_x = (values[0] for values in inputs)
        if support_y.dtype == tf.int64:
            support_y = tf.cast(support_y, tf.int32)
        signature = exported.signatures["serving_default"]
        # Sizes that it never saw.
        for size, adapted in (
            (2, learner.adapt(support_x[:2], support_y[:2])),
            (0, learner.initial_state(learner._weight_values())),
        ):
            with self.subTest(support=size):
                np.testing.assert_allclose(
                    signature(
                        support_x=support_x[:size],
                        support_y=support_y[:size],
                        query_x=query_x,
                    )["predictions"],
                    learner.predict_adapted(adapted, query_x),
                    rtol=1e-9,
                )

    @parameterized.named_parameters(_named(_DRAWING))
    def test_resumed_it_goes_on_bit_for_bit(self, case):
        whole = _compiled(case)
        _fit(whole, case)
        folder = checkpoints.Checkpoints(self.create_tempdir().full_path)
        folder.save(whole, 3, {})
        _fit(whole, case)
        resumed = _compiled(case, seed=9)
        folder.restore(resumed)
        _fit(resumed, case)
        for ours, theirs in zip(
            whole.variables, resumed.variables, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)

    @parameterized.named_parameters(_named(_CASES))
    def test_queries_do_not_see_each_other(self, case):
        learner = _compiled(case)
        support_x, support_y, query_x, _ = (
            values[0] for values in _CASES[case].episodes()
        )
        adapted = learner.adapt(support_x, support_y)
        together = learner.predict_adapted(adapted, query_x)
        for number in range(_QUERIES):
            np.testing.assert_allclose(
                learner.predict_adapted(adapted, query_x[number:][:1])[0],
                together[number],
                rtol=1e-9,
            )

    @parameterized.named_parameters(_named(_CASES))
    def test_the_protocol_has_all_three_predictions(self, case):
        learner = _compiled(case)
        episodes = _CASES[case].episodes()
        predictions = learner.predict_queries(episodes)
        np.testing.assert_allclose(
            predictions.adapted, learner(episodes[:3]), rtol=1e-9
        )
        support_x, support_y, query_x, _ = episodes
        for task in range(_TASKS):
            adapted = learner.adapt(support_x[task - 1], support_y[task - 1])
            np.testing.assert_allclose(
                predictions.other_support[task],
                learner.predict_adapted(adapted, query_x[task]),
                rtol=1e-9,
            )
        with self.subTest("without support nothing tells the tasks apart"):
            swapped = learner.predict_queries(
                (*(tf.roll(e, 1, axis=0) for e in episodes[:2]), *episodes[2:])
            )
            np.testing.assert_array_equal(predictions.initial, swapped.initial)
            self.assertFalse(np.allclose(predictions.adapted, swapped.adapted))


def _episodes_with(**replacements):
    names = ("support_x", "support_y", "query_x", "query_y")
    episodes = dict(zip(names, _classification(), strict=True))
    return tuple((episodes | replacements).values())


class BadInputTest(parameterized.TestCase):
    @parameterized.named_parameters(
        (
            "query_of_another_shape",
            {"query_x": tf.zeros((_TASKS, _QUERIES, 2))},
            r"query_x: of shape \(3, 5, 2\), expected examples of shape \(6,\)",
        ),
        (
            "support_of_another_shape",
            {"support_x": tf.zeros((_TASKS, _SUPPORT, 2))},
            r"support_x: of shape \(3, 4, 2\), .* \(6,\)",
        ),
        (
            "no_support",
            {
                "support_x": tf.zeros((_TASKS, 0, _FEATURES)),
                "support_y": tf.zeros((_TASKS, 0), tf.int32),
            },
            r"support_x: of shape \(3, 0, 6\), expected one example or more",
        ),
        (
            "labels_missing",
            {"support_y": tf.zeros((_TASKS, 3), tf.int32)},
            r"support_y: of shape \(3, 3\), .* each of \(3, 4\) examples",
        ),
    )
    def test_episodes(self, replacements, message):
        learner = _compiled("cnp")
        dataset = tf.data.Dataset.from_tensors(_episodes_with(**replacements))
        for run in (learner.fit, learner.evaluate):
            with self.assertRaisesRegex(errors.InputError, message):
                run(dataset, verbose=0)

    @parameterized.parameters(-1, _WAYS)
    def test_support_labels_out_of_range(self, label):
        support_y = tf.fill((_TASKS, _SUPPORT), label)
        dataset = tf.data.Dataset.from_tensors(
            _episodes_with(support_y=support_y)
        )
        for mapping in task_mapping.TASK_MAPPINGS:
            learner = _compiled("cnp", mapping=mapping)
            with self.assertRaisesRegex(
                errors.InputError,
                rf"^support_y: label {label} at \[0,0\], expected 0 to 2, as",
            ):
                learner.fit(dataset, verbose=0, shuffle=False)

    def test_targets_of_another_shape(self):
        learner = _compiled("cnp_regression")
        support_x, *_ = _regression()
        with self.assertRaisesRegex(
            errors.InputError,
            r"support_y: of shape \(4, 1\), expected targets of shape \(2,\)",
        ):
            learner.adapt(support_x[0], tf.zeros((_SUPPORT, 1)))

    def test_no_loss(self):
        learner = _CASES["cnp"].build()
        with self.assertRaisesRegex(errors.InputError, "compile"):
            learner.adapt(*(e[0] for e in _classification()[:2]))


if __name__ == "__main__":
    absltest.main()

"""The multi-task model's steps by hand, and resumed."""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.multitask import cases
from tfmeta import weightings
from tfmeta.multitask import multi_task_model, task_data
from tfmeta.optimizers import pcgrad
from tfmeta.training import checkpoints


def _conflict():
    """A linear model of two tasks in conflict, and its data.

    Outputs `a = w.x` and `b = v w.x` with the shared `w` and `b`'s own `v`.
    """
    inputs = keras.Input((2,))
    shared = keras.layers.Dense(1, use_bias=False, name="a")(inputs)
    outputs = {
        "a": shared,
        "b": keras.layers.Dense(1, use_bias=False, name="b")(shared),
    }
    model = multi_task_model.MultiTaskModel(inputs, outputs)
    model.set_weights([np.array([[0.5], [1.0]]), np.array([[2.0]])])
    x = np.array([[1.0, 2.0], [2.0, -1.0], [0.5, 1.0]], np.float32)
    y = {
        "a": np.array([[3.0], [1.0], [2.0]], np.float32),
        "b": np.array([[-3.0], [-2.0], [1.0]], np.float32),
    }
    return model, x, y


def _gradients_by_hand(x, y, w, v):
    """Returns the tasks' gradients by `w` `[2, 2]`, and `b`'s by `v`."""
    hidden = x @ w
    errors_a, errors_b = hidden - y["a"][:, 0], v * hidden - y["b"][:, 0]
    return (
        np.stack(
            [
                2 * np.mean(errors_a[:, None] * x, 0),
                2 * np.mean(errors_b[:, None] * v * x, 0),
            ]
        ),
        2 * np.mean(errors_b * hidden),
    )


def _pcgrad_by_hand(g):
    dot = g[0] @ g[1]
    assert dot < 0
    return sum(g) - dot / (g[1] @ g[1]) * g[1] - dot / (g[0] @ g[0]) * g[0]


class SurgeryTest(parameterized.TestCase):
    @parameterized.parameters(1, 3)
    def test_a_step_by_hand(self, gradient_parts):
        model, x, y = _conflict()
        model.compile(cases.pcgrad_sgd(), "mse", gradient_parts=gradient_parts)
        w, v = np.array([0.5, 1.0]), 2.0
        for _ in range(2):
            shared, own = _gradients_by_hand(x, y, w, v)
            w = w - cases.RATE * _pcgrad_by_hand(shared)
            v = v - cases.RATE * own
            model.fit(x, y, verbose=0)
            np.testing.assert_allclose(
                model.get_weights()[0][:, 0], w, rtol=1e-5
            )
            np.testing.assert_allclose(
                model.get_weights()[1], v, rtol=1e-5, atol=1e-6
            )

    def test_parts_make_the_same_update_of_an_embedding(self):
        """Whose gradients are sparse: Adam has another rule for these."""
        rng = np.random.default_rng(0)
        x = rng.integers(1, 9, (12, 3)).astype(np.int32)
        y = {"a": x[:, :1] / 9, "b": 1 - x[:, 1:2] / 9}
        weights = []
        for gradient_parts in (1, 2):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((3,), dtype="int32")
            hidden = keras.layers.Flatten()(
                keras.layers.Embedding(9, 2)(inputs)
            )
            hidden = keras.layers.Dense(3)(hidden)
            model = multi_task_model.MultiTaskModel(
                inputs, {task: keras.layers.Dense(1)(hidden) for task in y}
            )
            model.compile(
                pcgrad.PCGrad(keras.optimizers.Adam(0.1)),
                "mse",
                gradient_parts=gradient_parts,
            )
            model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
            weights.append(model.get_weights())
        for one, other in zip(*weights, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

    def test_other_losses_skip_the_surgery(self):
        model, x, y = _conflict()
        model.compile(cases.pcgrad_sgd(), "mse")
        trunk, head = model.layers[1:]
        trunk.kernel.regularizer = keras.regularizers.L2(0.3)
        head.kernel.regularizer = keras.regularizers.L2(0.7)
        w, v = np.array([0.5, 1.0]), 2.0
        shared, own = _gradients_by_hand(x, y, w, v)
        history = model.fit(x, y, verbose=0).history
        np.testing.assert_allclose(
            model.get_weights()[0][:, 0],
            w - cases.RATE * (_pcgrad_by_hand(shared) + 2 * 0.3 * w),
            rtol=1e-5,
        )
        np.testing.assert_allclose(
            model.get_weights()[1],
            v - cases.RATE * (own + 2 * 0.7 * v),
            rtol=1e-5,
        )
        self.assertAlmostEqual(
            history["loss"][0] - history["a_loss"][0] - history["b_loss"][0],
            0.3 * 1.25 + 0.7 * 4,
            places=4,
        )

    @parameterized.parameters(1, 3)
    def test_losses_are_weighted_before_the_surgery(self, gradient_parts):
        model, x, y = _conflict()
        model.compile(
            cases.pcgrad_sgd(),
            "mse",
            loss_weights={"a": 0.5, "b": 0.1},
            weighting="uncertainty",
            gradient_parts=gradient_parts,
        )
        w, v = np.array([0.5, 1.0]), 2.0
        shared, own = _gradients_by_hand(x, y, w, v)
        losses = np.array(
            [
                0.5 * np.mean((x @ w - y["a"][:, 0]) ** 2),
                0.1 * np.mean((v * x @ w - y["b"][:, 0]) ** 2),
            ]
        )
        model.fit(x, y, verbose=0)
        scaled = shared * np.array([[0.25], [0.05]])
        np.testing.assert_allclose(
            model.get_weights()[0][:, 0],
            w - cases.RATE * _pcgrad_by_hand(scaled),
            rtol=1e-5,
        )
        np.testing.assert_allclose(
            model.get_weights()[1], v - cases.RATE * 0.05 * own, rtol=1e-5
        )
        # d/ds of exp(-s) / 2 L + s / 2 at s = 0.
        np.testing.assert_allclose(
            model.weighting.log_variances,
            -cases.RATE * (1 - losses) / 2,
            rtol=1e-4,
        )

    def test_the_optimizer_gets_what_is_shared_and_what_is_not(self):
        model = cases.compiled(
            cases.pcgrad_sgd(),
            weighting=weightings.Uncertainty(name="uncertain"),
        )
        with mock.patch.object(
            pcgrad.PCGrad, "apply_task_gradients", autospec=True
        ) as apply:
            cases.fit(model, epochs=1)
        (_, gradients, shared), others = apply.call_args
        self.assertEqual(
            [v.path for v in shared], ["trunk/kernel", "trunk/bias"]
        )
        self.assertEqual([g.shape[0] for g in gradients], [2, 2])
        self.assertCountEqual(
            [v.path for v in others["other_variables"]],
            [
                "kind_head/kernel",
                "kind_head/bias",
                "depth_head/kernel",
                "depth_head/bias",
                "trunk/kernel",  # Its regularizer's gradient.
                "uncertain/log_variances",
            ],
        )

    def test_tasks_that_share_nothing_train_as_they_do_alone(self):
        x, y = cases.data()
        models = []
        for optimizer in (cases.pcgrad_sgd(), keras.optimizers.SGD(cases.RATE)):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((6,))
            outputs = {name: keras.layers.Dense(1)(inputs) for name in "ab"}
            model = multi_task_model.MultiTaskModel(inputs, outputs)
            model.compile(optimizer, "mse")
            model.fit(
                x, {name: y["depth"] for name in "ab"}, verbose=0, shuffle=False
            )
            models.append(model)
        cases.assert_same_variables(*models, rtol=1e-6)

    def test_a_gradient_that_is_not_finite_names_its_task(self):
        x, y = cases.data()
        y["depth"][3] = np.nan
        model = cases.compiled(cases.pcgrad_sgd())
        with self.assertRaisesRegex(
            tf.errors.InvalidArgumentError, r"\[.?depth.?\]"
        ):
            model.fit(x, y, verbose=0)

    def test_gradient_norms_reach_the_weighting(self):
        received = []

        class Spy(weightings.Equal):
            needs_gradient_norms = True

            def call(self, losses):
                return tf.constant([0.5, 4.0])

            def update(self, losses, *, gradient_norms, new_losses):
                received.append((losses, gradient_norms, new_losses))

        for optimizer in (cases.pcgrad_sgd(), keras.optimizers.SGD(cases.RATE)):
            model, x, y = _conflict()
            model.compile(optimizer, "mse", weighting=Spy(), run_eagerly=True)
            model.fit(x, y, verbose=0)
            shared, _ = _gradients_by_hand(x, y, np.array([0.5, 1.0]), 2.0)
            _, norms, new_losses = received[-1]
            np.testing.assert_allclose(
                norms, np.linalg.norm(shared, axis=1), rtol=1e-5
            )
            self.assertIsNone(new_losses)
        # The usual optimizer descended the weighted sum.
        np.testing.assert_allclose(
            model.get_weights()[0][:, 0],
            np.array([0.5, 1.0]) - cases.RATE * np.array([0.5, 4.0]) @ shared,
            rtol=1e-5,
        )

    def test_losses_after_the_step_reach_the_weighting(self):
        received = []

        class Spy(weightings.Equal):
            needs_new_losses = True

            def update(self, losses, *, gradient_norms, new_losses):
                received.append((losses.numpy(), new_losses.numpy()))

        model, x, y = _conflict()
        model.compile(
            cases.pcgrad_sgd(),
            "mse",
            loss_weights={"a": 2.0, "b": 1.0},
            weighting=Spy(),
            run_eagerly=True,
        )
        model.fit(x, y, verbose=0)
        model.fit(x, y, verbose=0)
        np.testing.assert_allclose(received[0][1], received[1][0], rtol=1e-6)

    @parameterized.parameters(*weightings.WEIGHTINGS)
    def test_every_weighting_trains_without_surgery(self, name):
        losses = cases.fit(cases.compiled(weighting=name), epochs=8)["loss"]
        self.assertLess(losses[-1], losses[0])

    def test_tasks_on_data_of_their_own(self):
        rng = np.random.default_rng(0)
        sizes = {"a": 4, "b": 6}
        data = {
            task: (
                rng.normal(size=(size, 2)).astype(np.float32),
                rng.normal(size=(size, 1)).astype(np.float32),
            )
            for task, size in sizes.items()
        }
        inputs = {task: keras.Input((2,), name=task) for task in sizes}
        shared = keras.layers.Dense(1, use_bias=False)
        model = multi_task_model.MultiTaskModel(
            inputs, {task: shared(inputs[task]) for task in sizes}
        )
        model.compile(cases.pcgrad_sgd(), "mse")
        w = model.get_weights()[0]
        gradients = np.stack(
            [2 * np.mean((x @ w - y) * x, 0) for x, y in data.values()]
        )
        dataset = task_data.zip_tasks(
            {
                task: tf.data.Dataset.from_tensors(batch)
                for task, batch in data.items()
            }
        )
        history = model.fit(dataset, verbose=0).history
        dot = gradients[0] @ gradients[1]
        weights = 1 + np.maximum(-dot / np.sum(gradients**2, 1), 0)
        np.testing.assert_allclose(
            model.get_weights()[0][:, 0],
            w[:, 0] - cases.RATE * weights @ gradients,
            rtol=1e-5,
        )
        for task, (x, y) in data.items():
            self.assertAlmostEqual(
                history[f"{task}_loss"][0],
                np.mean((x @ w - y) ** 2),
                places=5,
            )


class ResumeTest(parameterized.TestCase):
    @parameterized.parameters(*weightings.WEIGHTINGS)
    def test_a_restored_run_goes_on_bit_for_bit(self, name):
        store = checkpoints.Checkpoints(self.create_tempdir().full_path)
        model, resumed = (
            cases.compiled(cases.pcgrad_sgd(), dropout=0.3, weighting=name)
            for _ in range(2)
        )
        cases.fit(model, epochs=2)
        store.save(model, 4, None)
        cases.fit(model, epochs=4, initial_epoch=2)
        store.restore(resumed)
        cases.fit(resumed, epochs=4, initial_epoch=2)
        cases.assert_same_variables(model, resumed, rtol=0)


if __name__ == "__main__":
    absltest.main()

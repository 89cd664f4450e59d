"""Steps are traced once, whatever the metrics' state is made of."""

import collections

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import learners, multitask, networks, optimizers

_WAYS, _METRICS = 3, ["accuracy"]


def _episodes():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 6, 2)), rng.normal(size=(4, 6, 1))
    return tf.data.Dataset.from_tensors((x, y, x, y)).repeat()


def _learner(metrics):
    learner = learners.MAML(networks.mlp(2, 1, hidden=[3]), inner_steps=1)
    learner.compile("adam", "mse", metrics=metrics, jit_compile=False)
    return learner, _episodes()


def _multitask(metrics):
    network = networks.hard_sharing(
        networks.mlp(2, 3, hidden=[]),
        {"a": keras.layers.Dense(_WAYS), "b": keras.layers.Dense(_WAYS)},
    )
    model = multitask.MultiTaskModel(network.input, network.output)
    model.compile(
        optimizers.PCGrad(keras.optimizers.Adam()),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=dict.fromkeys("ab", metrics),
        weighting="uncertainty",
    )
    labels = tf.range(6) % _WAYS
    batch = (tf.ones((6, 2)), {"a": labels, "b": labels})
    return model, tf.data.Dataset.from_tensors(batch).repeat()


class TracingTest(parameterized.TestCase):
    @parameterized.product(
        make=(_learner, _multitask), metrics=(None, _METRICS)
    )
    def test_a_step_is_traced_once(self, make, metrics):
        model, data = make(metrics)
        traces: collections.Counter[str] = collections.Counter()

        def count(name):
            step = getattr(model, name)

            def counted(batch):
                traces[name] += 1
                return step(batch)

            setattr(model, name, counted)

        count("train_step")
        count("test_step")
        logs = model.fit(data, steps_per_epoch=2, verbose=0).history
        logs |= model.evaluate(data, steps=2, verbose=0, return_dict=True)
        self.assertEqual(traces, {"train_step": 1, "test_step": 1})
        self.assertEqual(
            any("accuracy" in name for name in logs), metrics is not None
        )

    def test_state_made_in_the_trace_would_trace_twice(self):
        traces = []

        @tf.function
        def step():
            traces.append(1)
            if not variables:
                variables.append(keras.Variable(0.0))
            return variables[0] + 1.0

        variables: list[keras.Variable] = []
        step()
        self.assertLen(traces, 2)


if __name__ == "__main__":
    absltest.main()

"""Saved, restored and resumed."""

import keras
from absl.testing import absltest, parameterized

from tests.optimizers import cases
from tfmeta import errors
from tfmeta.optimizers import (
    aggregators,
    cagrad,
    gradvac,
)
from tfmeta.training import checkpoints


class SavingTest(parameterized.TestCase):
    @parameterized.parameters("pcgrad", "gradvac", "cagrad")
    def test_saved_model_goes_on_as_the_same(self, name):
        optimizer = aggregators.AGGREGATORS[name](
            keras.optimizers.Adam(0.1), seed=3, reduction="mean"
        )
        network = cases.network(optimizer)
        network.fit(cases.data(), verbose=0)
        path = self.create_tempdir().full_path + "/network.keras"
        network.save(path)
        loaded = keras.models.load_model(path)
        self.assertIs(type(loaded.optimizer), type(optimizer))
        self.assertEqual(loaded.optimizer.get_config(), optimizer.get_config())
        cases.assert_same(
            cases.values(loaded.optimizer.variables),
            cases.values(optimizer.variables),
        )
        for each in (network, loaded):
            each.fit(cases.data(), verbose=0)
        cases.assert_same(
            cases.values(loaded.trainable_variables),
            cases.values(network.trainable_variables),
        )

    def test_state_is_saved_once(self):
        # Keras visits the inner optimizer by itself.
        for name, state in (("pcgrad", 0), ("gradvac", 1)):
            optimizer = aggregators.AGGREGATORS[name]("adam")
            optimizer.num_tasks = 3
            optimizer.build(cases.variables())
            store: dict = {}
            optimizer.save_own_variables(store)
            self.assertLen(store, state)
            self.assertLen(
                optimizer.variables,
                len(optimizer.inner_optimizer.variables) + state,
            )

    @parameterized.parameters("pcgrad", "gradvac")
    def test_checkpoint_resumes_bit_for_bit(self, name):
        def network(num_tasks):
            network = cases.network(
                aggregators.AGGREGATORS[name](keras.optimizers.Adam(0.1))
            )
            network.optimizer.num_tasks = num_tasks
            return network

        folder = self.create_tempdir().full_path
        whole = network(None)
        whole.fit(cases.data(), verbose=0)
        checkpoints.Checkpoints(folder).save(whole, 6, None)
        whole.fit(cases.data(), verbose=0)
        resumed = network(cases.TASKS)
        checkpoints.Checkpoints(folder).restore(resumed)
        resumed.fit(cases.data(), verbose=0)
        cases.assert_same(
            cases.values([*resumed.variables, *resumed.optimizer.variables]),
            cases.values([*whole.variables, *whole.optimizer.variables]),
        )

    def test_arguments_of_methods_are_saved(self):
        for optimizer in (
            cagrad.CAGrad(keras.optimizers.SGD(), c=0.2, name="mine"),
            gradvac.GradVac(keras.optimizers.SGD(), beta=0.3, num_tasks=7),
        ):
            config = keras.saving.serialize_keras_object(optimizer)
            again = keras.saving.deserialize_keras_object(config)
            self.assertEqual(again.get_config(), optimizer.get_config())

    def test_state_of_another_optimizer(self):
        optimizer = gradvac.GradVac(keras.optimizers.SGD(), num_tasks=7)
        optimizer.build(cases.variables())
        with self.assertRaisesRegex(
            errors.InputError, "0 variables of its own"
        ):
            optimizer.load_own_variables({})


if __name__ == "__main__":
    absltest.main()

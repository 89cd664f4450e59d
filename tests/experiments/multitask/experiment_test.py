"""The command on tasks learned together, in this process."""

import keras
from absl.testing import absltest, parameterized

from experiments.multitask import experiment
from tests.experiments import commands
from tfmeta import errors


class CommandTest(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT

    def test_precision_is_that_of_layers_and_not_of_weights(self):
        results = self.run_command(
            "--methods=pcgrad",
            "--tasks=2",
            "--filters=3",
            "--units=5",
            "--steps=1",
            "--precision=mixed_bfloat16",
        )
        model = keras.models.load_model(self.out / "pcgrad" / "model.keras")
        self.assertEqual(model.compute_dtype, "bfloat16")
        self.assertEqual(
            {weight.dtype for weight in model.trainable_variables}, {"float32"}
        )
        self.assertEqual(
            results["rows"][0]["budget"]["precision"], "mixed_bfloat16"
        )

    def test_a_run_leaves_everything(self):
        argv = (
            "--methods=all_fc,pcgrad",
            "--tasks=2",
            "--filters=3",
            "--units=5,4",
            "--steps=2",
            "--steps_per_epoch=1",
        )
        results = self.run_command(*argv)
        self.assertLen(results["rows"], 2 * 2)
        for row in results["rows"]:
            self.assertEqual(row["experiment"], "multitask_cifar100")
            self.assertEqual(
                row["problem"], {"dataset": "glyphs", "tasks": 2, "classes": 10}
            )
            self.assertEqual((row["seed"], row["budget"]["steps"]), (0, 2))
            self.assertEqual(row["budget"]["augmentation"], "none")
            self.assertEqual(row["settings"]["units"], [5, 4])
            metrics = row["metrics"]
            self.assertBetween(metrics["accuracy"]["mean"], 0, 1)
            by_task = [name for name in metrics if name.startswith("accuracy/")]
            self.assertLen(by_task, 2)
            self.assertEqual(
                "conflicting_pairs" in metrics, row["method"] == "pcgrad"
            )
        for name in (
            "accuracy.png",
            "conflicts.png",
            "curves.png",
            "pcgrad/cosines.png",
            "pcgrad/model.keras",
            "pcgrad/tensorboard",
        ):
            self.assertTrue((self.out / name).exists(), name)
        with self.subTest("a folder of another run is left alone"):
            with self.assertRaisesRegex(
                errors.InputError, "--seed was 0 and is 1"
            ):
                self.run_command(*argv, "--seed=1")
            self.assertEqual(self.read_results(), results)

    @parameterized.named_parameters(
        (
            "method",
            "--methods: 'pgcrad' is unknown.*pcgrad",
            "--methods=pgcrad",
        ),
        ("no_method", "--methods: expected at least one", "--methods="),
        ("dataset", "--dataset=cifar10.*glyphs", "--dataset=cifar10"),
        ("one_task", "--tasks=1", "--tasks=1"),
        ("many_tasks", "--tasks=9: expected at most 7", "--tasks=9"),
        ("units", "--units=3,x: expected positive", "--units=3,x"),
        ("no_units", "--units=: expected positive", "--units="),
        ("zero_units", "--units=3,0: expected positive", "--units=3,0"),
        ("filters", "--filters=0", "--filters=0"),
        ("steps", "--steps=100: expected a multiple", "--steps=100"),
        ("batch", "--batch_size=0", "--batch_size=0"),
        ("rate", "learning_rate", "--learning_rate=0"),
        ("nan", "router_learning_rate", "--router_learning_rate=nan"),
        ("augmentation", "--augmentation=mixup", "--augmentation=mixup"),
        ("optimizer", "--optimizer=lamb", "--optimizer=lamb"),
        ("splits", "--eval_splits: 'train' is unk", "--eval_splits=train"),
        (
            "data_dir",
            "data_dir.*missing",
            "--dataset=cifar100",
            "--data_dir=/missing/folder",
        ),
    )
    def test_mistake(self, message, *argv):
        self.assert_mistake(message, *argv)


if __name__ == "__main__":
    absltest.main()

"""A saved learner on a folder of images."""

import csv
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from experiments import classify_folder
from tfmeta import errors, learners, networks

_WAYS, _SIZE = 3, 12


def _write_image(path, rng, bright):
    """Writes ink (dark) on paper: a bar whose place tells the class."""
    pixels = np.full((_SIZE, _SIZE, 1), 255, np.uint8)
    pixels[:, 4 * bright : 4 * bright + 3] = rng.integers(0, 60)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(pixels).numpy())


class ClassifyFolderTest(parameterized.TestCase):
    exported: pathlib.Path

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keras.utils.set_random_seed(0)
        learner = learners.MAML(
            networks.conv4(_WAYS, input_shape=(_SIZE, _SIZE, 1), filters=8),
            adapted="head",
            inner_learning_rate=1.0,
            inner_steps=10,
        )
        learner.compile(
            "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        cls.exported = pathlib.Path(absltest.TEST_TMPDIR.value, "exported")
        if not cls.exported.exists():
            learner.export(cls.exported)

    def setUp(self):
        super().setUp()
        self.enter_context(flagsaver.flagsaver())
        self.folder = pathlib.Path(self.create_tempdir().full_path)
        rng = np.random.default_rng(0)
        for number, name in enumerate(("left", "middle", "right")):
            for index in range(2):
                _write_image(
                    self.folder / "support" / name / f"{index}.png", rng, number
                )
            _write_image(self.folder / "query" / f"{name}.png", rng, number)

    def run_main(self, **changes):
        chosen = {
            "learner": self.exported,
            "support": self.folder / "support",
            "query": self.folder / "query",
            "out": self.folder / "answers.csv",
        } | changes
        flags.FLAGS(
            [
                "command",
                *(f"--{name}={value}" for name, value in chosen.items()),
            ]
        )
        classify_folder.main()
        with (self.folder / "answers.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def test_each_query_gets_its_class(self):
        answers = self.run_main()
        self.assertEqual(
            [(a["file"], a["class"]) for a in answers],
            [(f"{n}.png", n) for n in ("left", "middle", "right")],
        )
        for answer in answers:
            self.assertBetween(float(answer["probability"]), 1 / 3, 1)

    def test_one_image_may_be_the_query(self):
        (answer,) = self.run_main(query=self.folder / "query" / "right.png")
        self.assertEqual(answer["file"], "right.png")

    def test_two_classes_are_the_only_answers(self):
        for file in (self.folder / "support" / "middle").iterdir():
            file.unlink()
        (self.folder / "support" / "middle").rmdir()
        answers = self.run_main()
        self.assertContainsSubset(
            {answer["class"] for answer in answers}, {"left", "right"}
        )
        for answer in answers:
            self.assertGreaterEqual(float(answer["probability"]), 0.5)

    def test_more_classes_than_ways(self):
        rng = np.random.default_rng(0)
        _write_image(self.folder / "support" / "fourth" / "0.png", rng, 0)
        with self.assertRaisesRegex(
            errors.InputError, "--support: has 4 classes.* at most 3"
        ):
            self.run_main()

    @parameterized.parameters("learner", "support", "query")
    def test_missing_folder(self, name):
        with self.assertRaisesRegex(errors.InputError, f"--{name}.*missing"):
            self.run_main(**{name: self.folder / "missing"})

    @parameterized.parameters("learner", "support", "query")
    def test_no_folder(self, name):
        with self.assertRaisesRegex(errors.InputError, f"--{name}: is needed"):
            self.run_main(**{name: ""})

    @parameterized.parameters("support", "query")
    def test_corrupt_image(self, name):
        folder = self.folder / ("support/left" if name == "support" else name)
        (folder / "bad.png").write_bytes(b"\x89PNG, no more")
        with self.assertRaisesRegex(errors.InputError, f"--{name}: .*bad.png"):
            self.run_main()

    def test_a_model_that_is_no_learner(self):
        module = tf.Module()
        module.double = tf.function(
            lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec(())]
        )
        path = self.folder / "other"
        tf.saved_model.save(module, str(path), signatures=module.double)
        with self.assertRaisesRegex(errors.InputError, "something else"):
            self.run_main(learner=path)

    def test_an_unwritable_file(self):
        with self.assertRaises(OSError):
            self.run_main(out=self.folder / "no" / "such" / "folder.csv")


if __name__ == "__main__":
    absltest.main()

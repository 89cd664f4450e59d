"""Tasks to be learned together, from a user's arrays."""

import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.tasks.images import image_classes, task_splits


def _classes(names="xy", side=4):
    return image_classes.ImageClasses(
        np.zeros((2 * len(names), side, side, 3), np.uint8),
        np.repeat(np.arange(len(names)), 2),
        list(names),
    )


def _splits(**changed):
    parts = {
        split: {"a": _classes("xy"), "b": _classes("uvw")}
        for split in task_splits.SPLITS
    }
    return task_splits.TaskSplits(**parts | changed)


class TaskSplitsTest(parameterized.TestCase):
    def test_names_and_shape(self):
        splits = _splits()
        self.assertEqual(splits.task_names, ["a", "b"])
        self.assertEqual(splits.image_shape, (4, 4, 3))

    def test_select(self):
        splits = _splits()
        chosen = splits.select(["b"])
        self.assertEqual(chosen.task_names, ["b"])
        self.assertIs(chosen.test["b"], splits.test["b"])
        self.assertEqual(splits.select(["b", "a"]).task_names, ["b", "a"])

    @parameterized.named_parameters(
        (
            "no_tasks",
            {split: {} for split in task_splits.SPLITS},
            "train: expected one or more tasks",
        ),
        (
            "missing_task",
            {"test": {"a": _classes("xy")}},
            "test: expected the tasks of train .*a, b, got a",
        ),
        (
            "missing_class",
            {"validation": {"a": _classes("x"), "b": _classes("uvw")}},
            "validation: task 'a' has the classes x, in train x, y",
        ),
        (
            "other_shape",
            {"test": {"a": _classes("xy"), "b": _classes("uvw", side=5)}},
            r"test: the images of task 'b' are \(5, 5, 3\)",
        ),
    )
    def test_splits_that_do_not_fit(self, changed, message):
        with self.assertRaisesRegex(errors.InputError, message):
            _splits(**changed)

    @parameterized.parameters(([], "train: expected"), (["c"], "'c' is unk"))
    def test_bad_selection(self, names, message):
        with self.assertRaisesRegex(errors.InputError, message):
            _splits().select(names)


if __name__ == "__main__":
    absltest.main()
